// A client of Slipway in C++: everything that a program may want from the server, once.
//
//   client [--server 127.0.0.1:8471] [--model rover] [--identity FOLDER] [--out model.slipway]

#include <sys/stat.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iostream>
#include <map>
#include <stdexcept>

#include <grpcpp/grpcpp.h>

#include "connect.h"
#include "inference/grpc_service.grpc.pb.h"
#include "slipway/v1/datasets.grpc.pb.h"
#include "slipway/v1/jobs.grpc.pb.h"
#include "slipway/v1/models.grpc.pb.h"
#include "slipway/v1/updates.grpc.pb.h"

namespace api = slipway::v1;

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "tensors travel little endian: swap the bytes here");

// Windows for want of a recording: float32, little endian, shape (count, window_length, channels).
string made_up(int count, const api::SensorSpec& sensor) {
  std::vector<float> values(size_t(count) * sensor.window_length() * sensor.channels_size());
  for (size_t i = 0; i < values.size(); ++i) values[i] = float(double(i * 37 % 101) / 50 - 1);
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float)};
}

class Client {
 public:
  Client(std::shared_ptr<grpc::Channel> channel, string model, string out)
      : models_(api::Models::NewStub(channel)), datasets_(api::Datasets::NewStub(channel)),
        jobs_(api::Jobs::NewStub(channel)), updates_(api::Updates::NewStub(channel)), 
        inference_(inference::GRPCInferenceService::NewStub(channel)), model_(std::move(model)), out_(std::move(out)) {}

  void run() {
    list_models();
    const api::Model model = ask(&api::Models::Stub::GetModel, *models_, name_request("models/" + model_));
    api::GetMetadataRequest request;
    request.set_model(model.name());
    request.set_channel("stable");
    const api::UpdateMetadata stable = ask(&api::Updates::Stub::GetMetadata, *updates_, request);
    pull(stable.target());
    evaluate(stable.version(), upload(model.task(), 40));
    infer(model.task(), 3);
    Call call;
    api::Model nobody;
    std::cout << "refused: " << refusal(models_->GetModel(&call, name_request("models/nobody"), &nobody)) << "\n";
  }

 private:
  // Makes one call with one answer.
  template <class Stub, class Request, class Answer>
  static Answer ask(grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&, Answer*), Stub& stub,
                    const Request& request) {
    Call call;
    Answer answer;
    check((stub.*method)(&call, request, &answer));
    return answer;
  }

  static api::GetModelRequest name_request(const string& name) {
    api::GetModelRequest request;
    request.set_name(name);
    return request;
  }

  // All models, page by page. An empty token is the only end.
  void list_models() {
    api::ListModelsRequest request;
    request.set_page_size(2);
    string names;
    int pages = 0;
    do {
      const auto page = ask(&api::Models::Stub::ListModels, *models_, request);
      for (const auto& model : page.models()) names += (names.empty() ? "" : ", ") + model.name();
      request.set_page_token(page.next_page_token());
      ++pages;
    } while (!request.page_token().empty());
    std::cout << "models: " << names << " (" << pages << " pages)\n";
  }

  // Sends windows from `first` up to `end` in batches of 8, header first.
  grpc::Status send(const api::UploadHeader& header, const string& values, int class_count, int first, int end) {
    Call call(60);
    api::Upload upload;
    auto stream = datasets_->UploadWindows(&call, &upload);
    api::UploadWindowsRequest message;
    *message.mutable_header() = header;
    bool open = stream->Write(message);  // waits while the server is slower; false: it has said no already
    const size_t window_bytes = values.size() / header.window_count();
    for (int offset = first; open && offset < end; offset += 8) {
      const int next = std::min(offset + 8, end);
      auto& batch = *message.mutable_batch();
      batch.Clear();
      batch.set_offset(offset);
      batch.set_values(values.substr(offset * window_bytes, (next - offset) * window_bytes));
      for (int i = offset; i < next; ++i) batch.add_labels(i % class_count);  // one class index for each window
      open = stream->Write(message);
    }
    stream->WritesDone();
    return stream->Finish();
  }

  // A new dataset with windows. The upload ends too early on purpose, and goes on where it stopped.
  string upload(const api::TaskSpec& task, int count) {
    api::CreateDatasetRequest create;
    create.set_dataset_id("cpp-" + uuid().substr(0, 8));
    create.set_request_id(uuid());
    *create.mutable_dataset()->mutable_sensor() = task.sensor();
    *create.mutable_dataset()->mutable_classes() = task.classes();
    const string name = ask(&api::Datasets::Stub::CreateDataset, *datasets_, create).name();

    api::UploadHeader header;
    header.set_dataset(name);
    header.set_upload_id(uuid());
    header.set_window_count(count);
    *header.mutable_sensor() = task.sensor();
    const string values = made_up(count, task.sensor());
    std::cout << "broke off: " << refusal(send(header, values, task.classes_size(), 0, count / 2)) << "\n";

    api::GetUploadRequest request;
    request.set_name(name + "/uploads/" + header.upload_id());
    const int committed = ask(&api::Datasets::Stub::GetUpload, *datasets_, request).committed_count();
    check(send(header, values, task.classes_size(), committed, count));
    api::GetDatasetRequest get;
    get.set_name(name);
    const auto dataset = ask(&api::Datasets::Stub::GetDataset, *datasets_, get);
    std::cout << "dataset: " << name << " holds " << dataset.window_count() << " windows, sent from " << committed << " on the second time\n";
    return name;
  }

  // Measures a version on a dataset: a job, watched to its end.
  void evaluate(const string& version, const string& dataset) {
    api::CreateJobRequest create;
    create.set_request_id(uuid());  // makes it safe to repeat
    auto& spec = *create.mutable_job()->mutable_evaluate();
    spec.set_version(version);
    spec.set_dataset(dataset);
    spec.set_form(api::EvaluateSpec::FLOAT_ONNX);
    api::WatchJobRequest watch;
    watch.set_name(ask(&api::Jobs::Stub::CreateJob, *jobs_, create).name());

    Call call(120);
    api::Job job;
    string seen;
    int last = -1;
    auto stream = jobs_->WatchJob(&call, watch);
    while (stream->Read(&job)) {
      if (job.state() != last) seen += (seen.empty() ? "" : ", ") + api::Job::State_Name(job.state());
      last = job.state();
    }
    check(stream->Finish());
    if (job.state() != api::Job::SUCCEEDED) throw std::runtime_error(job.name() + ": " + job.error().message());
    const auto& found = job.result().evaluation();
    std::printf("job: %s %s: accuracy %.4f on %d windows\n", job.name().c_str(), seen.c_str(),
                found.accuracy(), int(found.window_count()));
  }

  // Asks for answers to windows over the Open Inference Protocol, as raw tensors.
  void infer(const api::TaskSpec& task, int count) {
    inference::ModelInferRequest request;
    request.set_model_name(model_);
    (*request.mutable_parameters())["channel"].set_string_param("stable");  // or set_model_version("7")
    auto& input = *request.add_inputs();
    input.set_name("window");
    input.set_datatype("FP32");
    for (int size : {count, task.sensor().window_length(), task.sensor().channels_size()}) input.add_shape(size);
    request.add_raw_input_contents(made_up(count, task.sensor()));
    const auto answer = ask(&inference::GRPCInferenceService::Stub::ModelInfer, *inference_, request);

    std::vector<float> logits(answer.raw_output_contents(0).size() / sizeof(float));  // (count, classes)
    std::memcpy(logits.data(), answer.raw_output_contents(0).data(), logits.size() * sizeof(float));
    std::printf("inference: version %s answers ", answer.model_version().c_str());
    const int classes = task.classes_size();
    for (int i = 0; i < count; ++i) {
      const auto row = logits.begin() + i * classes;
      std::printf("%s%s", i ? ", " : "", task.classes(std::max_element(row, row + classes) - row).c_str());
    }
    std::printf("; logits");
    for (int i = 0; i < classes; ++i) std::printf(" %.4f", logits[i]);
    std::printf("\n");
  }

  // Fetches a target from where the file ends, `limit` bytes at most (0: all of it).
  int64_t fetch(const string& sha256, int64_t limit) {
    struct stat found;
    api::DownloadTargetRequest request;
    request.set_sha256(sha256);
    request.set_read_offset(stat(out_.c_str(), &found) == 0 ? found.st_size : 0);
    request.set_read_limit(limit);
    Call call(300);
    std::ofstream file(out_, std::ios::binary | std::ios::app);
    api::DownloadTargetResponse piece;
    auto stream = updates_->DownloadTarget(&call, request);
    while (stream->Read(&piece)) file << piece.data();
    check(stream->Finish());
    return request.read_offset();
  }

  // The bundle that the channel points at. It is fetched in two goes, as if the line had broken in the middle.
  void pull(const api::Target& target) {
    std::remove(out_.c_str());
    fetch(target.sha256(), target.size_bytes() / 2);
    const int64_t resumed = fetch(target.sha256(), 0);
    const string found = sha256(read_file(out_));
    if (found != target.sha256()) throw std::runtime_error(out_ + " has SHA-256 " + found + ", not " + target.sha256());
    std::cout << "bundle: " << out_ << ", " << target.size_bytes() << " bytes, went on at " << resumed
              << ", SHA-256 " << found << "\n";
  }

  std::unique_ptr<api::Models::Stub> models_;
  std::unique_ptr<api::Datasets::Stub> datasets_;
  std::unique_ptr<api::Jobs::Stub> jobs_;
  std::unique_ptr<api::Updates::Stub> updates_;
  std::unique_ptr<inference::GRPCInferenceService::Stub> inference_;
  string model_, out_;
};

int main(int argc, char** argv) try {
  std::map<string, string> options{
      {"--server", "127.0.0.1:8471"}, {"--model", "rover"}, {"--identity", ""}, {"--out", "model.slipway"}};
  for (int i = 1; i < argc; i += 2) {
    if (!options.count(argv[i]) || i + 1 == argc) throw std::runtime_error(string("not understood: ") + argv[i]);
    options[argv[i]] = argv[i + 1];
  }
  // One connection carries all services.
  const auto channel = grpc::CreateChannel(options["--server"], credentials(options["--identity"]));
  Client(channel, options["--model"], options["--out"]).run();
  return 0;
} catch (const std::exception& error) {
  std::cerr << error.what() << "\n";
  return 1;
}
