// SPDX-License-Identifier: GPL-2.0-or-later
// FakeStateDirectory: a StateDirectory in memory that fails where it is told to and loses power before or after any
// change. A change is atomic and durable once it has taken effect, as the real one promises.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/base/state_directory.h"
#include "common/testing/power_switch.h"

namespace crashdump {

class FakeStateDirectory final : public StateDirectory {
 public:
  enum class Kind : uint8_t { kRead, kReplace, kRemove, kList };
  struct Operation {
    Kind kind;
    std::string name;  // empty for a list
    bool failed = false;
  };

  Result<std::optional<std::string>> Read(const std::string& name) const override;
  Result<> Replace(const std::string& name, std::string_view text) override;
  Result<> Remove(const std::string& name) override;
  Result<std::vector<std::string>> List() const override;

  // Everything since the making or the last ClearLog(), in order; failed operations too.
  const std::vector<Operation>& log() const { return log_; }
  void ClearLog() { log_.clear(); }

  // The n-th operation of this kind from now on fails with EIO and does nothing; n counts from 0.
  void FailAt(Kind kind, uint64_t n) { faults_.push_back({kind, n}); }
  void ClearFaults() { faults_.clear(); }
  // Called before every operation: other programs do something meanwhile.
  void BeforeEach(std::function<void()> callback) { before_each_ = std::move(callback); }
  // Replace and Remove pass `power`, which must outlive the directory; without power Read and List fail too.
  void ConnectTo(PowerSwitch* power) { power_ = power; }

  // What is stored, behind everyone's back.
  std::map<std::string, std::string>& files() { return files_; }
  const std::map<std::string, std::string>& files() const { return files_; }

 private:
  struct PlannedFault {
    Kind kind;
    uint64_t n;
  };

  // Logs the operation; the error that it is to end with before it does anything, if any.
  std::optional<Error> Begin(Kind kind, const std::string& name) const;
  // Replace and Remove, which differ in what they do to files_.
  template <typename Change>
  Result<> Make(Kind kind, const std::string& name, Change change);

  std::map<std::string, std::string> files_;
  mutable std::vector<Operation> log_;
  mutable std::vector<PlannedFault> faults_;
  PowerSwitch* power_ = nullptr;
  std::function<void()> before_each_;
};

}  // namespace crashdump
