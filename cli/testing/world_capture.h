// SPDX-License-Identifier: GPL-2.0-or-later
// The capture environment of a LifeCycleWorld: what happens between a panic and the reboot.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cli/testing/life_cycle_world.h"
#include "common/format/key_record.h"
#include "common/storage/target_description.h"
#include "common/testing/fake_block_device.h"
#include "common/testing/sample_vmcore.h"

namespace crashdump {

// What goes wrong in attempt 1.
struct CaptureTrouble {
  enum class Kind : uint8_t {
    kNone,
    kKilled,      // the capture program, at a step of the power switch
    kPowerCut,    // there
    kWriteFails,  // the n-th write, `step` being n; kBefore: nothing is done, kAfter: half of it
    kFlushFails,
    kReadFails,        // moments as for kWriteFails
    kAllocationFails,  // the n-th
  };
  Kind kind = Kind::kNone;
  uint64_t step = 0;
  PowerSwitch::Moment moment = PowerSwitch::Moment::kBefore;
};

struct AttemptRecord {
  unsigned attempt = 1;
  std::optional<std::string> refusal;                  // why nothing was written
  bool messages_safe = false;                          // as reported to init
  bool committed = false;                              // as the program believes
  std::vector<FakeBlockDevice::Operation> operations;  // writes and flushes
  uint64_t reads = 0;
  uint64_t allocations = 0;
};

struct CaptureRecord {
  std::shared_ptr<const testing::SampleVmcore> vmcore;
  std::string messages;  // of which dmesg.txt is to be made
  KeyArming arming;
  TargetDescription target;
  std::vector<AttemptRecord> attempts;
  bool power_lost = false;
};

// Runs the attempts that init would run. The kernel has been stopped, an image is loaded.
CaptureRecord Capture(LifeCycleWorld& world, testing::SampleVmcore crashed, const CaptureTrouble& trouble);

}  // namespace crashdump
