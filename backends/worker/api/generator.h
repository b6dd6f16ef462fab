#pragma once

#include <cstddef>
#include <utility>
#include <vector>

#include "backends/worker/engine/engine.h"

namespace sluice::worker {

// What the API needs of an engine. Tests put a scripted one in its place.
class Generator {
 public:
  virtual ~Generator() = default;
  // The first of `count` ids in a row that no other request has.
  virtual RequestId new_ids(std::size_t count) = 0;
  virtual SubmitStatus submit(std::vector<Request> requests) = 0;
  virtual void abort(RequestId id) = 0;
  virtual bool healthy() const = 0;
  virtual EngineStats stats() const = 0;
  virtual const EngineOptions& options() const = 0;
};

// The engine itself, which must outlive it.
class EngineGenerator final : public Generator {
 public:
  explicit EngineGenerator(Engine& engine) : engine_(engine) {}

  RequestId new_ids(std::size_t count) override { return engine_.new_ids(count); }
  SubmitStatus submit(std::vector<Request> requests) override { return engine_.submit(std::move(requests)); }
  void abort(RequestId id) override { engine_.abort(id); }
  bool healthy() const override { return engine_.healthy(); }
  EngineStats stats() const override { return engine_.stats(); }
  const EngineOptions& options() const override { return engine_.options(); }

 private:
  Engine& engine_;
};

}  // namespace sluice::worker
