// SPDX-License-Identifier: GPL-2.0-or-later
// PowerSwitch: cuts the power of all fakes that share it at one chosen step, so that a test can stop a whole program
// at any write, flush or rename.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <utility>

namespace crashdump {

class PowerSwitch {
 public:
  // Every step (a write or flush of a fake device, a change of a fake state directory) passes here. kLost: power is
  // gone, nothing happens any more. kCutBefore: it goes now, before the step takes effect. kCutAfter: it goes right
  // after the step has taken effect, and the program does not hear of it.
  enum class Step : uint8_t { kRuns, kLost, kCutBefore, kCutAfter };
  enum class Moment : uint8_t { kBefore, kAfter };

  Step Pass() {
    if (!on_) return Step::kLost;
    if (steps_++ != cut_step_) return Step::kRuns;
    on_ = false;
    if (at_cut_) at_cut_();
    return cut_moment_ == Moment::kBefore ? Step::kCutBefore : Step::kCutAfter;
  }

  // Steps count from 0, from the making of the switch or the last TurnOn().
  void CutAt(uint64_t step, Moment moment) {
    cut_step_ = step;
    cut_moment_ = moment;
  }
  void TurnOn() {
    on_ = true;
    steps_ = 0;
    cut_step_ = std::nullopt;
  }
  // Called at the cut that was set, before anything else can happen.
  void AtCut(std::function<void()> callback) { at_cut_ = std::move(callback); }
  void TurnOff() { on_ = false; }
  bool on() const { return on_; }
  uint64_t steps() const { return steps_; }

 private:
  bool on_ = true;
  uint64_t steps_ = 0;
  std::optional<uint64_t> cut_step_;
  Moment cut_moment_ = Moment::kBefore;
  std::function<void()> at_cut_;
};

}  // namespace crashdump
