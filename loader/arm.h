// SPDX-License-Identifier: GPL-2.0-or-later
// Arming the machine: everything of `crashdump load` behind arguments and configuration. Recover arms again with it.
#pragma once

#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/base/units.h"
#include "common/format/armed_record.h"
#include "common/format/dump_format.h"
#include "common/storage/region.h"
#include "loader/configuration.h"
#include "loader/machine.h"
#include "loader/state.h"

namespace crashdump {

// Of the target's device, in the capture initramfs.
enum class DriverCheck : uint8_t {
  kThere,
  kMissing,  // a note names them
  kUnknown,  // its list of modules cannot be read
};

struct ArmReport {
  std::string device;  // kernel's name, for people
  LoadMethod method = LoadMethod::kFileLoad;
  DumpId key_id{};
  unsigned slot = 0;
  Range extent;                // relative to the region; empty: messages only
  unsigned waiting_dumps = 0;  // in this region, not recovered
  unsigned deleted_keys = 0;
  DriverCheck drivers = DriverCheck::kThere;
  std::vector<std::string> notes;  // one line each: what did not go as it should, though the machine is armed
};

// Loads the capture kernel for a new arming. The caller holds the lock. Everything that can fail happens before the
// kernel is asked to load, which frees the image that was loaded before; that is tried twice. On failure nothing is
// loaded, or what was loaded before still is, and the record of it in `state.run` says which.
Result<ArmReport> Arm(Machine& machine, const StateDirectories& state, const Configuration& configuration);

// The report for people, some lines.
std::string Describe(const ArmReport& report);

}  // namespace crashdump
