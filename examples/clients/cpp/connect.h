// What every program that talks to Slipway needs once: deadlines, credentials, and words for a refusal.

#pragma once

#include <openssl/evp.h>

#include <chrono>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <memory>
#include <random>
#include <stdexcept>
#include <string>

#include <grpcpp/grpcpp.h>

#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"

using std::string;

struct Call : grpc::ClientContext {  // no call without a deadline
  explicit Call(int seconds = 20) { set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(seconds)); }
};

// What the server said no with: a google.rpc.Status in the trailing metadata, with exactly one ErrorInfo in it.
inline string refusal(const grpc::Status& status) {
  static const char* const kCodes[] = {
      "OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND",
      "ALREADY_EXISTS", "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE",
      "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS", "UNAUTHENTICATED"};
  const string code = kCodes[status.error_code()];
  google::rpc::Status details;
  google::rpc::ErrorInfo info;
  if (details.ParseFromString(status.error_details()))
    for (const auto& any : details.details())
      if (any.UnpackTo(&info))
        return code + " " + info.reason() + ": " + details.message() + " " + (*info.mutable_metadata())["remedy"];
  return code + ": " + status.error_message();  // nobody listens, or the deadline has passed
}

inline void check(const grpc::Status& status) {
  if (!status.ok()) throw std::runtime_error(refusal(status));
}

inline string read_file(const string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw std::runtime_error("cannot read " + path);
  return {std::istreambuf_iterator<char>(file), {}};
}

// Plain text, or mutual TLS with the identity that `slipway identity enrol` has left in a folder.
inline std::shared_ptr<grpc::ChannelCredentials> credentials(const string& folder) {
  if (folder.empty()) return grpc::InsecureChannelCredentials();
  return grpc::SslCredentials(
      {read_file(folder + "/ca.pem"), read_file(folder + "/key.pem"), read_file(folder + "/certificate.pem")});
}

inline string uuid() {  // version 4
  std::random_device random;
  char text[37];
  std::snprintf(text, sizeof text, "%08x-%04x-4%03x-8%03x-%08x%04x", random(), random() & 0xffff, random() & 0xfff,
                random() & 0xfff, random(), random() & 0xffff);
  return text;
}

// SHA-256 of all bytes, as hexadecimal digits.
inline string sha256(const string& bytes) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned length = 0;
  EVP_Digest(bytes.data(), bytes.size(), digest, &length, EVP_sha256(), nullptr);
  string hex;
  for (unsigned i = 0; i < length; ++i) {
    hex += "0123456789abcdef"[digest[i] >> 4];
    hex += "0123456789abcdef"[digest[i] & 15];
  }
  return hex;
}
