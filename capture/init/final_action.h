// SPDX-License-Identifier: GPL-2.0-or-later
// What the machine does when all is over, in words.
#pragma once

#include "common/options/capture_options.h"

namespace crashdump {

struct ActionWords {
  const char* now;   // "rebooting"
  const char* does;  // the machine "restarts"
};

constexpr ActionWords Words(FinalAction action) {
  switch (action) {
    case FinalAction::kReboot:
      break;
    case FinalAction::kPowerOff:
      return {.now = "switching off", .does = "switches itself off"};
    case FinalAction::kHalt:
      return {.now = "halting", .does = "halts"};
  }
  return {.now = "rebooting", .does = "restarts"};
}

}  // namespace crashdump
