# Crossfade: what one types while working on it. Every target works on a fresh
# clone with Go alone; what else a target can use it looks for, and says so.

GO     ?= go
BIN    := bin
LINT   := $(BIN)/golangci-lint
STATIC := $(BIN)/staticcheck

.PHONY: all build test test-race lint vet bench demo fuzz generate clean worlds

all: build test

build: ## the program, in bin/
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags "-s -w" -o $(BIN)/crossfade ./cmd/crossfade

test: ## every test; the recorded AWS cases too, where they are present
	$(GO) test -timeout 20m ./...

test-race: ## the same under the race detector (needs a C compiler)
	$(GO) test -race -timeout 20m ./...

vet:
	$(GO) vet ./...

$(STATIC): tools/go.mod
	cd tools && $(GO) build -o ../$(STATIC) honnef.co/go/tools/cmd/staticcheck

$(LINT): tools/go.mod
	cd tools && $(GO) build -o ../$(LINT) github.com/golangci/golangci-lint/v2/cmd/golangci-lint

lint: vet $(STATIC) $(LINT) ## vet, staticcheck, golangci-lint; the first run builds them, which takes minutes
	$(STATIC) ./...
	$(LINT) run ./...

bench: ## ratios measured in one run; docs/benchmarks.md explains them
	$(GO) run ./bench
	$(GO) test -run '^$$' -bench . -benchtime 200ms ./...

demo: ## the main job, live
	$(GO) run ./cmd/crossfade demo

worlds: ## a million random worlds through the controller
	CROSSFADE_SIM_WORLDS=1000000 $(GO) test -timeout 0 ./sim

FUZZTIME ?= 30s
fuzz: ## every fuzz target for FUZZTIME
	@for pkg in $$($(GO) list ./...); do \
		for f in $$($(GO) test -list '^Fuzz' $$pkg | grep '^Fuzz'); do \
			echo "== $$pkg $$f"; $(GO) test -run '^$$' -fuzz "^$$f$$" -fuzztime $(FUZZTIME) $$pkg || exit 1; \
		done; \
	done

generate: ## everything that is generated: AWS shapes, the plan file's schema, the command reference
	$(GO) generate ./...

clean:
	rm -rf $(BIN)
