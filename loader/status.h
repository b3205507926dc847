// SPDX-License-Identifier: GPL-2.0-or-later
// `crashdump status`: whether a panic now would be saved, proven as capture would prove it; else what is missing.
#pragma once

#include <string>
#include <vector>

#include "loader/machine.h"
#include "loader/state.h"

namespace crashdump {

struct Status {
  // What is missing and what to do, one line each; empty: the machine is armed.
  std::vector<std::string> problems;
  // What is armed, for people; some lines.
  std::string description;

  bool armed() const { return problems.empty(); }
};

// Reads only. What cannot be read is a problem.
Status CheckStatus(Machine& machine, const StateDirectories& state);

}  // namespace crashdump
