// A client of Slipway in Node: everything that a program may want from the server, once.
//
//   node client.js [--server 127.0.0.1:8471] [--model rover] [--identity FOLDER] [--out model.slipway]

import { createHash, randomUUID } from 'node:crypto';
import { appendFileSync, readFileSync, rmSync, statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import grpc from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';

const { values: options } = parseArgs({
  options: {
    server: { type: 'string', default: '127.0.0.1:8471' },
    model: { type: 'string', default: 'rover' },
    identity: { type: 'string' }, // folder with key.pem, certificate.pem, ca.pem: mutual TLS
    out: { type: 'string', default: 'model.slipway' },
  },
});

// Stubs are made from the .proto files when the program starts; nothing is generated.
const files = ['slipway/v1/datasets', 'slipway/v1/jobs', 'slipway/v1/models', 'slipway/v1/updates',
  'inference/grpc_service', 'google/rpc/status', 'google/rpc/error_details'].map((name) => `${name}.proto`);
const includeDirs = [fileURLToPath(new URL('../../../out/clients/proto', import.meta.url))];
const definition = loadSync(files, {
  includeDirs, keepCase: true, longs: Number, enums: String, defaults: true, oneofs: true,
});
const { slipway, inference } = grpc.loadPackageDefinition(definition);

/** Plain text, or mutual TLS with the identity that `slipway identity enrol` has left in a folder. */
function credentials(folder) {
  if (!folder) return grpc.credentials.createInsecure();
  const read = (name) => readFileSync(`${folder}/${name}`);
  return grpc.credentials.createSsl(read('ca.pem'), read('key.pem'), read('certificate.pem'));
}

// One connection carries all services.
const channel = new grpc.Channel(options.server, credentials(options.identity), {});
const connect = (Service) => new Service(options.server, null, { channelOverride: channel });
const { Models, Datasets, Jobs, Updates } = slipway.v1;
const [models, datasets, jobs, updates, inferences] =
  [Models, Datasets, Jobs, Updates, inference.GRPCInferenceService].map(connect);
const within = (seconds) => ({ deadline: Date.now() + seconds * 1000 }); // no call without a deadline

/** Make one call with one answer. */
function ask(client, method, request) {
  return new Promise((resolve, reject) => {
    client[method](request, within(20), (error, answer) => (error ? reject(error) : resolve(answer)));
  });
}

/** What the server said no with: a google.rpc.Status in the trailing metadata, with exactly one ErrorInfo in it. */
function refusal(error) {
  const [bytes] = error.metadata?.get('grpc-status-details-bin') ?? [];
  if (!bytes) return `${grpc.status[error.code]}: ${error.details}`; // nobody listens, or the deadline has passed
  const status = definition['google.rpc.Status'].deserialize(bytes);
  const detail = status.details.find((any) => any.type_url.endsWith('/google.rpc.ErrorInfo'));
  const info = definition['google.rpc.ErrorInfo'].deserialize(detail.value);
  return `${grpc.status[error.code]} ${info.reason}: ${status.message} ${info.metadata.remedy ?? ''}`;
}

/** All models, page by page. An empty token is the only end. */
async function listModels() {
  const found = [];
  let pages = 0;
  let page_token = '';
  do {
    const page = await ask(models, 'ListModels', { page_size: 2, page_token });
    found.push(...page.models);
    page_token = page.next_page_token;
    pages += 1;
  } while (page_token);
  console.log(`models: ${found.map((model) => model.name).join(', ')} (${pages} pages)`);
  return found;
}

/** Windows for want of a recording: float32, little endian, shape (count, window_length, channels). */
function madeUp(count, sensor) {
  const bytes = Buffer.alloc(count * sensor.window_length * sensor.channels.length * 4);
  for (let i = 0; i < bytes.length / 4; i += 1) bytes.writeFloatLE(((i * 37) % 101) / 50 - 1, i * 4);
  return bytes;
}

/** Send windows from `first` up to `end` in batches of 8, header first. `windowCount` is that of the whole upload. */
function send(header, values, labels, first, end) {
  const windowBytes = values.length / header.window_count;
  return new Promise((resolve, reject) => {
    const stream = datasets.UploadWindows(within(60), (error, upload) => (error ? reject(error) : resolve(upload)));
    stream.write({ header });
    for (let offset = first; offset < end; offset += 8) {
      const next = Math.min(offset + 8, end);
      const part = values.subarray(offset * windowBytes, next * windowBytes);
      stream.write({ batch: { offset, values: part, labels: labels.slice(offset, next) } }); // a large upload would wait for 'drain' where this returns false
    }
    stream.end();
  });
}

/** A new dataset with windows. The upload ends too early on purpose, and goes on where it stopped. */
async function upload(task, count) {
  const dataset_id = `node-${randomUUID().slice(0, 8)}`;
  const dataset = { sensor: task.sensor, classes: task.classes };
  const { name } = await ask(datasets, 'CreateDataset', { dataset_id, dataset, request_id: randomUUID() });
  const header = { dataset: name, upload_id: randomUUID(), window_count: count, sensor: task.sensor };
  const values = madeUp(count, task.sensor);
  const labels = Array.from({ length: count }, (_, i) => i % task.classes.length); // one class index for each window
  try {
    await send(header, values, labels, 0, count / 2);
  } catch (error) {
    console.log(`broke off: ${refusal(error)}`);
  }
  const { committed_count } = await ask(datasets, 'GetUpload', { name: `${name}/uploads/${header.upload_id}` });
  await send(header, values, labels, committed_count, count);
  const { window_count } = await ask(datasets, 'GetDataset', { name });
  console.log(`dataset: ${name} holds ${window_count} windows, sent from ${committed_count} on the second time`);
  return name;
}

/** Measure a version on a dataset: a job, watched to its end. */
async function evaluate(version, dataset) {
  const job = { evaluate: { version, dataset, form: 'FLOAT_ONNX' } };
  const { name } = await ask(jobs, 'CreateJob', { job, request_id: randomUUID() }); // the UUID makes it safe to repeat
  const seen = [];
  let last;
  for await (last of jobs.WatchJob({ name }, within(120))) if (last.state !== seen.at(-1)) seen.push(last.state);
  if (last.state !== 'SUCCEEDED') throw new Error(`${name}: ${last.error.message}`);
  const { accuracy, window_count } = last.result.evaluation;
  console.log(`job: ${name} ${seen.join(', ')}: accuracy ${accuracy.toFixed(4)} on ${window_count} windows`);
}

/** Ask for answers to windows over the Open Inference Protocol, as raw tensors. */
async function infer(task, count) {
  const { sensor } = task;
  const answer = await ask(inferences, 'ModelInfer', {
    model_name: options.model,
    parameters: { channel: { string_param: 'stable' } }, // or model_version: '7'
    inputs: [{ name: 'window', datatype: 'FP32', shape: [count, sensor.window_length, sensor.channels.length] }],
    raw_input_contents: [madeUp(count, sensor)],
  });
  const [raw] = answer.raw_output_contents; // (count, classes)
  const classes = task.classes.length;
  const logits = Array.from({ length: raw.length / 4 }, (_, i) => raw.readFloatLE(i * 4));
  const rows = Array.from({ length: count }, (_, i) => logits.slice(i * classes, (i + 1) * classes));
  const names = rows.map((row) => task.classes[row.indexOf(Math.max(...row))]);
  const digits = rows[0].map((logit) => logit.toFixed(4)).join(' ');
  console.log(`inference: version ${answer.model_version} answers ${names.join(', ')}; logits ${digits}`);
}

/** Fetch a target from where the file ends, `limit` bytes at most (0: all of it). */
async function fetch(sha256, limit) {
  const read_offset = statSync(options.out, { throwIfNoEntry: false })?.size ?? 0;
  const stream = updates.DownloadTarget({ sha256, read_offset, read_limit: limit }, within(300));
  for await (const piece of stream) appendFileSync(options.out, piece.data);
  return read_offset;
}

/** The bundle that the channel points at. It is fetched in two goes, as if the line had broken in the middle. */
async function pull({ target }) {
  rmSync(options.out, { force: true });
  await fetch(target.sha256, Math.floor(target.size_bytes / 2));
  const resumed = await fetch(target.sha256, 0);
  const found = createHash('sha256').update(readFileSync(options.out)).digest('hex');
  if (found !== target.sha256) throw new Error(`${options.out} has SHA-256 ${found}, not ${target.sha256}`);
  console.log(`bundle: ${options.out}, ${target.size_bytes} bytes, went on at ${resumed}, SHA-256 ${found}`);
}

async function main() {
  const name = `models/${options.model}`;
  const model = (await listModels()).find((each) => each.name === name) ?? (await ask(models, 'GetModel', { name }));
  const stable = await ask(updates, 'GetMetadata', { model: name, channel: 'stable' });
  await pull(stable);
  await evaluate(stable.version, await upload(model.task, 40));
  await infer(model.task, 3);
  await ask(models, 'GetModel', { name: 'models/nobody' }).catch((error) => console.log(`refused: ${refusal(error)}`));
}

main()
  .catch((error) => {
    console.error(error.code === undefined ? error.message : refusal(error));
    process.exitCode = 1;
  })
  .finally(() => channel.close());
