// A client of Slipway in Go: everything that a program may want from the server, once.
//
//	client [-server 127.0.0.1:8471] [-model rover] [-identity FOLDER] [-out model.slipway]
package main

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"math"
	"os"
	"strings"

	"google.golang.org/grpc"

	"slipway.example/inference"
	slipway "slipway.example/slipway/v1"
)

// client holds a stub of each service; one connection carries them all.
type client struct {
	models     slipway.ModelsClient
	datasets   slipway.DatasetsClient
	jobs       slipway.JobsClient
	updates    slipway.UpdatesClient
	inferences inference.GRPCInferenceServiceClient
	model, out string
}

// madeUp returns windows for want of a recording: float32, little endian, shape (count, window_length, channels).
func madeUp(count int, sensor *slipway.SensorSpec) []byte {
	bytes := make([]byte, count*int(sensor.WindowLength)*len(sensor.Channels)*4)
	for i := 0; i < len(bytes)/4; i++ {
		binary.LittleEndian.PutUint32(bytes[i*4:], math.Float32bits(float32(float64(i*37%101)/50-1)))
	}
	return bytes
}

// listModels goes through all models page by page. An empty token is the only end.
func (c *client) listModels() error {
	var names []string
	for pages, token := 1, ""; ; pages++ {
		ctx, cancel := within(20)
		page, err := c.models.ListModels(ctx, &slipway.ListModelsRequest{PageSize: 2, PageToken: token})
		cancel()
		if err != nil {
			return err
		}
		for _, model := range page.Models {
			names = append(names, model.Name)
		}
		if token = page.NextPageToken; token == "" {
			fmt.Printf("models: %s (%d pages)\n", strings.Join(names, ", "), pages)
			return nil
		}
	}
}

// send sends windows from first up to end in batches of 8, header first.
func (c *client) send(header *slipway.UploadHeader, values []byte, classes, first, end int) error {
	ctx, cancel := within(60)
	defer cancel()
	stream, err := c.datasets.UploadWindows(ctx)
	if err != nil {
		return err
	}
	message := &slipway.UploadWindowsRequest{Part: &slipway.UploadWindowsRequest_Header{Header: header}}
	err = stream.Send(message)
	windowBytes := len(values) / int(header.WindowCount)
	for offset := first; err == nil && offset < end; offset += 8 {
		next := offset + 8
		if next > end {
			next = end
		}
		batch := &slipway.WindowBatch{Offset: int64(offset), Values: values[offset*windowBytes : next*windowBytes]}
		for i := offset; i < next; i++ {
			batch.Labels = append(batch.Labels, int32(i%classes)) // one class index for each window
		}
		err = stream.Send(&slipway.UploadWindowsRequest{Part: &slipway.UploadWindowsRequest_Batch{Batch: batch}})
	}
	if err != nil && !errors.Is(err, io.EOF) { // EOF: the server has said no already; why, comes now
		return err
	}
	_, err = stream.CloseAndRecv()
	return err
}

// upload makes a new dataset with windows. The upload ends too early on purpose, and goes on where it stopped.
func (c *client) upload(task *slipway.TaskSpec, count int) (string, error) {
	ctx, cancel := within(60)
	defer cancel()
	dataset, err := c.datasets.CreateDataset(ctx, &slipway.CreateDatasetRequest{
		DatasetId: "go-" + uuid()[:8],
		Dataset:   &slipway.Dataset{Sensor: task.Sensor, Classes: task.Classes},
		RequestId: uuid(),
	})
	if err != nil {
		return "", err
	}
	header := &slipway.UploadHeader{
		Dataset: dataset.Name, UploadId: uuid(), WindowCount: int64(count), Sensor: task.Sensor,
	}
	values := madeUp(count, task.Sensor)
	if err = c.send(header, values, len(task.Classes), 0, count/2); err != nil {
		fmt.Println("broke off:", refusal(err))
	}
	upload, err := c.datasets.GetUpload(ctx, &slipway.GetUploadRequest{Name: dataset.Name + "/uploads/" + header.UploadId})
	if err != nil {
		return "", err
	}
	if err = c.send(header, values, len(task.Classes), int(upload.CommittedCount), count); err != nil {
		return "", err
	}
	if dataset, err = c.datasets.GetDataset(ctx, &slipway.GetDatasetRequest{Name: dataset.Name}); err != nil {
		return "", err
	}
	fmt.Printf("dataset: %s holds %d windows, sent from %d on the second time\n",
		dataset.Name, dataset.WindowCount, upload.CommittedCount)
	return dataset.Name, nil
}

// evaluate measures a version on a dataset: a job, watched to its end.
func (c *client) evaluate(version, dataset string) error {
	ctx, cancel := within(120)
	defer cancel()
	spec := &slipway.EvaluateSpec{Version: version, Dataset: dataset, Form: slipway.EvaluateSpec_FLOAT_ONNX}
	job, err := c.jobs.CreateJob(ctx, &slipway.CreateJobRequest{
		Job:       &slipway.Job{Spec: &slipway.Job_Evaluate{Evaluate: spec}},
		RequestId: uuid(), // makes it safe to repeat
	})
	if err != nil {
		return err
	}
	stream, err := c.jobs.WatchJob(ctx, &slipway.WatchJobRequest{Name: job.Name})
	if err != nil {
		return err
	}
	var seen []string
	for {
		next, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return err
		}
		if len(seen) == 0 || next.State != job.State {
			seen = append(seen, next.State.String())
		}
		job = next
	}
	if job.State != slipway.Job_SUCCEEDED {
		return fmt.Errorf("%s: %s", job.Name, job.Error.GetMessage())
	}
	found := job.Result.Evaluation
	fmt.Printf("job: %s %s: accuracy %.4f on %d windows\n",
		job.Name, strings.Join(seen, ", "), found.Accuracy, found.WindowCount)
	return nil
}

// infer asks for answers to windows over the Open Inference Protocol, as raw tensors.
func (c *client) infer(task *slipway.TaskSpec, count int) error {
	ctx, cancel := within(20)
	defer cancel()
	shape := []int64{int64(count), int64(task.Sensor.WindowLength), int64(len(task.Sensor.Channels))}
	stable := &inference.InferParameter{ParameterChoice: &inference.InferParameter_StringParam{StringParam: "stable"}}
	answer, err := c.inferences.ModelInfer(ctx, &inference.ModelInferRequest{
		ModelName:        c.model,
		Parameters:       map[string]*inference.InferParameter{"channel": stable}, // or ModelVersion: "7"
		Inputs:           []*inference.ModelInferRequest_InferInputTensor{{Name: "window", Datatype: "FP32", Shape: shape}},
		RawInputContents: [][]byte{madeUp(count, task.Sensor)},
	})
	if err != nil {
		return err
	}
	raw, names := answer.RawOutputContents[0], []string{} // (count, classes)
	logit := func(window, class int) float32 {
		return math.Float32frombits(binary.LittleEndian.Uint32(raw[(window*len(task.Classes)+class)*4:]))
	}
	digits := ""
	for window := 0; window < count; window++ {
		best := 0
		for class := range task.Classes {
			if logit(window, class) > logit(window, best) {
				best = class
			}
			if window == 0 {
				digits += fmt.Sprintf(" %.4f", logit(0, class))
			}
		}
		names = append(names, task.Classes[best])
	}
	fmt.Printf("inference: version %s answers %s; logits%s\n", answer.ModelVersion, strings.Join(names, ", "), digits)
	return nil
}

// fetch fetches a target from where the file ends, limit bytes at most (0: all of it).
func (c *client) fetch(sha256 string, limit int64) (int64, error) {
	ctx, cancel := within(300)
	defer cancel()
	file, err := os.OpenFile(c.out, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o666)
	if err != nil {
		return 0, err
	}
	defer file.Close()
	offset, err := file.Seek(0, io.SeekEnd)
	if err != nil {
		return 0, err
	}
	request := &slipway.DownloadTargetRequest{Sha256: sha256, ReadOffset: offset, ReadLimit: limit}
	stream, err := c.updates.DownloadTarget(ctx, request)
	for err == nil {
		var piece *slipway.DownloadTargetResponse
		if piece, err = stream.Recv(); err == nil {
			_, err = file.Write(piece.Data)
		}
	}
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return offset, err
}

// pull fetches the bundle that the channel points at, in two goes, as if the line had broken in the middle.
func (c *client) pull(target *slipway.Target) error {
	if err := os.Remove(c.out); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if _, err := c.fetch(target.Sha256, target.SizeBytes/2); err != nil {
		return err
	}
	resumed, err := c.fetch(target.Sha256, 0)
	if err != nil {
		return err
	}
	bytes, err := os.ReadFile(c.out)
	if err != nil {
		return err
	}
	if found := fmt.Sprintf("%x", sha256.Sum256(bytes)); found != target.Sha256 {
		return fmt.Errorf("%s has SHA-256 %s, not %s", c.out, found, target.Sha256)
	}
	fmt.Printf("bundle: %s, %d bytes, went on at %d, SHA-256 %s\n", c.out, target.SizeBytes, resumed, target.Sha256)
	return nil
}

func (c *client) run() error {
	if err := c.listModels(); err != nil {
		return err
	}
	ctx, cancel := within(300)
	defer cancel()
	model, err := c.models.GetModel(ctx, &slipway.GetModelRequest{Name: "models/" + c.model})
	if err != nil {
		return err
	}
	stable, err := c.updates.GetMetadata(ctx, &slipway.GetMetadataRequest{Model: model.Name, Channel: "stable"})
	if err != nil {
		return err
	}
	if err = c.pull(stable.Target); err != nil {
		return err
	}
	dataset, err := c.upload(model.Task, 40)
	if err != nil {
		return err
	}
	if err = c.evaluate(stable.Version, dataset); err != nil {
		return err
	}
	if err = c.infer(model.Task, 3); err != nil {
		return err
	}
	_, err = c.models.GetModel(ctx, &slipway.GetModelRequest{Name: "models/nobody"})
	fmt.Println("refused:", refusal(err))
	return nil
}

func main() {
	log.SetFlags(0)
	server := flag.String("server", "127.0.0.1:8471", "host:port of the server")
	model := flag.String("model", "rover", "the model to ask for")
	identity := flag.String("identity", "", "folder with key.pem, certificate.pem and ca.pem: mutual TLS")
	out := flag.String("out", "model.slipway", "where the bundle goes")
	flag.Parse()
	option, err := transport(*identity)
	if err != nil {
		log.Fatal(err)
	}
	channel, err := grpc.Dial(*server, option)
	if err != nil {
		log.Fatal(err)
	}
	defer channel.Close()
	c := &client{slipway.NewModelsClient(channel), slipway.NewDatasetsClient(channel), slipway.NewJobsClient(channel),
		slipway.NewUpdatesClient(channel), inference.NewGRPCInferenceServiceClient(channel), *model, *out}
	if err := c.run(); err != nil {
		log.Fatal(refusal(err))
	}
}
