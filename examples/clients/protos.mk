# One folder with every .proto file of the server and the few of Google's that they import; for each client's Makefile.
# Google's come from the .venv that `make setup` has filled; elsewhere take them from github.com/googleapis/googleapis.
ROOT := $(abspath $(dir $(lastword $(MAKEFILE_LIST)))/../..)
OUT := $(ROOT)/out/clients
PROTO := $(OUT)/proto
PYTHON ?= $(ROOT)/.venv/bin/python
OURS := $(wildcard $(ROOT)/proto/*/*.proto $(ROOT)/proto/*/*/*.proto)
THEIRS := google/api/field_behavior.proto google/api/resource.proto google/rpc/status.proto google/rpc/error_details.proto

$(PROTO)/.ready: $(OURS)
	@mkdir -p $(PROTO)
	cp -r $(ROOT)/proto/. $(PROTO)
	cd $$($(PYTHON) -c "import google.rpc, pathlib; print(pathlib.Path(google.rpc.__path__[0]).parents[1])") && \
		cp --parents $(THEIRS) $(PROTO)
	@touch $@
