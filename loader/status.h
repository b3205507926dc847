// SPDX-License-Identifier: GPL-2.0-or-later
// `crashdump status`: whether a panic now would be saved, proven as capture would prove it; else what is missing.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/format/armed_record.h"
#include "common/storage/uuid.h"
#include "loader/configuration.h"
#include "loader/machine.h"
#include "loader/state.h"

namespace crashdump {

// Where the next dump goes, and how.
struct ArmedTarget {
  Uuid swap_uuid{};
  std::string device;  // the kernel's name, for people
  uint64_t room = 0;   // bytes for memory; 0: messages only
  DumpId key_id{};
  LoadMethod method = LoadMethod::kFileLoad;
};

struct Status {
  // What is missing and what to do, one line each; empty: the machine is armed.
  std::vector<std::string> problems;
  // What may change that, one line each.
  std::vector<std::string> warnings;
  // Proven; there if the machine is armed, and if only its key is missing.
  std::optional<ArmedTarget> target;

  bool armed() const { return problems.empty(); }
};

// A line for people.
std::string Describe(const ArmedTarget& target);

// Reads only. What cannot be read is a problem.
Status CheckStatus(const Machine& machine, const StateDirectories& state);

// What keeps a machine on which nothing is loaded from being armed, by its configuration: a line, or nothing if
// `crashdump load` may well do it.
std::optional<std::string> ReasonNotToLoad(const Machine& machine, const StateDirectories& state,
                                           const Configuration& configuration);

}  // namespace crashdump
