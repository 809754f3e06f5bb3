#!/usr/bin/env bash
# A walk through Slipway in a shell: the server describes itself by reflection, messages are JSON, nothing is generated.
#
#   walk.sh [--server 127.0.0.1:8471] [--model rover] [--identity FOLDER] [--out model.slipway]
#
# It calls through call.py, which understands the words of grpcurl, or through what CALL names.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

server=127.0.0.1:8471 model=rover identity='' out=model.slipway
while [ $# -gt 0 ]; do
  case $1 in
    --server) server=$2 ;;
    --model) model=$2 ;;
    --identity) identity=$2 ;; # folder with key.pem, certificate.pem, ca.pem: mutual TLS
    --out) out=$2 ;;
    *) echo "not understood: $1" >&2; exit 1 ;;
  esac
  shift 2
done

program=${CALL:-"${PYTHON:-$here/../../../.venv/bin/python} $here/call.py"}
security=-plaintext
[ -z "$identity" ] || security="-cacert $identity/ca.pem -cert $identity/certificate.pem -key $identity/key.pem"

# ask SERVICE/METHOD JSON: one call. Several messages of a stream come from the standard input, with @ in place of JSON.
ask() { $program $security -d "$2" "$server" "$1"; }

# field NAME: the values of a field of the JSON that comes in, one on each line.
field() { sed -n "s/^ *\"$1\": \"\{0,1\}\([^\",]*\)\"\{0,1\},\{0,1\}$/\1/p"; }

# Windows for want of a recording: a sensor at rest. float32, so four zero bytes for each number; base64, as JSON has it.
windows() { head -c $(($1 * length * channels * 4)) /dev/zero | base64 -w 0; }

uuid() { cat /proc/sys/kernel/random/uuid; }

echo "services: $($program $security "$server" list | grep -v reflection | tr '\n' ' ')"

# All models, page by page. An empty token is the only end.
names='' pages=0 token=''
while :; do
  page=$(ask slipway.v1.Models/ListModels "{\"page_size\": 2, \"page_token\": \"$token\"}")
  names+=" $(field name <<<"$page" | sed -n '/^models\//p' | tr '\n' ' ')" pages=$((pages + 1))
  token=$(field nextPageToken <<<"$page")
  [ -n "$token" ] || break
done
echo "models:" $names "($pages pages)"

# What the channel points at.
stable=$(ask slipway.v1.Updates/GetMetadata "{\"model\": \"models/$model\", \"channel\": \"stable\"}")

# fetch LIMIT: the next bytes of the bundle, from where the file ends; 0: all of them.
fetch() {
  local offset
  offset=$(stat -c %s "$out")
  ask slipway.v1.Updates/DownloadTarget "{\"sha256\": \"$sha256\", \"read_offset\": $offset, \"read_limit\": $1}" |
    field data | while read -r piece; do base64 -d <<<"$piece" >>"$out"; done
}

# The bundle, in two goes, as if the line had broken in the middle.
sha256=$(field sha256 <<<"$stable" | head -n 1) size=$(field sizeBytes <<<"$stable" | head -n 1)
: >"$out"
fetch $((size / 2))
resumed=$(stat -c %s "$out")
fetch 0
echo "$sha256  $out" | sha256sum --check --status || { echo "$out has another SHA-256 than $sha256" >&2; exit 1; }
echo "bundle: $out, $size bytes, went on at $resumed, SHA-256 $sha256"

# What the model asks about: its sensor and its classes.
task=$(ask slipway.v1.Models/GetModel "{\"name\": \"models/$model\"}")
length=$(field windowLength <<<"$task")
sensor=$(sed -n '/"sensor": {/,/^    }/p' <<<"$task" | sed '1s/.*/{/; $s/},/}/')
classes=$(sed -n '/"classes": \[/,/\]/p' <<<"$task" | sed '1s/.*/[/; $s/\],/]/')
channels=$(grep -c '"unit"' <<<"$sensor")

# A new dataset. The upload ends too early on purpose, and goes on where it stopped.
dataset=$(ask slipway.v1.Datasets/CreateDataset "{\"dataset_id\": \"shell-$(uuid | cut -c 1-8)\", \"request_id\": \"$(uuid)\",
  \"dataset\": {\"sensor\": $sensor, \"classes\": $classes}}" | field name | sed -n '/^datasets\//p')
upload_id=$(uuid)
header="{\"header\": {\"dataset\": \"$dataset\", \"upload_id\": \"$upload_id\", \"window_count\": 40, \"sensor\": $sensor}}"
batch() { echo "{\"batch\": {\"offset\": $1, \"values\": \"$(windows 20)\", \"labels\": [0$(printf ', 0%.0s' {2..20})]}}"; }
echo "broke off:" $({ echo "$header"; batch 0; } | ask slipway.v1.Datasets/UploadWindows @ 2>&1 >/dev/null || true)
committed=$(ask slipway.v1.Datasets/GetUpload "{\"name\": \"$dataset/uploads/$upload_id\"}" | field committedCount)
{ echo "$header"; batch "$committed"; } | ask slipway.v1.Datasets/UploadWindows @ >/dev/null
count=$(ask slipway.v1.Datasets/GetDataset "{\"name\": \"$dataset\"}" | field windowCount)
echo "dataset: $dataset holds $count windows, sent from $committed on the second time"

# The version that the channel points at, measured on the dataset: a job, watched to its end.
version=$(field version <<<"$stable" | head -n 1)
job=$(ask slipway.v1.Jobs/CreateJob "{\"request_id\": \"$(uuid)\",
  \"job\": {\"evaluate\": {\"version\": \"$version\", \"dataset\": \"$dataset\", \"form\": \"FLOAT_ONNX\"}}}" | field name)
watched=$(ask slipway.v1.Jobs/WatchJob "{\"name\": \"$job\"}")
accuracy=$(field accuracy <<<"$watched" | tail -n 1) # JSON leaves a zero out
echo "job: $job" $(field state <<<"$watched" | uniq) "accuracy ${accuracy:-0}"

# Answers over the Open Inference Protocol, as raw tensors.
answer=$(ask inference.GRPCInferenceService/ModelInfer "{\"model_name\": \"$model\",
  \"parameters\": {\"channel\": {\"string_param\": \"stable\"}}, \"raw_input_contents\": [\"$(windows 1)\"],
  \"inputs\": [{\"name\": \"window\", \"datatype\": \"FP32\", \"shape\": [1, $length, $channels]}]}")
logits=$(sed -n '/"rawOutputContents"/,$p' <<<"$answer" | sed -n '2s/[ ",]//gp' | base64 -d | od -A n -v -t f4 -w65536)
echo "inference: version $(field modelVersion <<<"$answer"); logits" $logits

echo "refused:" $(ask slipway.v1.Models/GetModel '{"name": "models/nobody"}' 2>&1 >/dev/null || true)
