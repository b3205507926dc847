// SPDX-License-Identifier: GPL-2.0-or-later
// The stages that init announces on the status port, and at which it can be held (see capture/README.md).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace crashdump {

enum class Stage : uint8_t {
  kStart,         // nothing but pseudo filesystems and the status port is in use yet
  kMessagesSafe,  // the panic messages are on the disk; the capture child waits
  kReboot,        // everything is over; the reboot comes next
};

inline constexpr std::array<const char*, 3> kStageNames = {"start", "messages-safe", "reboot"};

constexpr const char* StageName(Stage stage) { return kStageNames[static_cast<size_t>(stage)]; }

constexpr std::optional<Stage> ParseStage(std::string_view name) {
  for (size_t i = 0; i < kStageNames.size(); ++i) {
    if (name == kStageNames[i]) return static_cast<Stage>(i);
  }
  return std::nullopt;
}

class StageSet {
 public:
  void Add(Stage stage) { bits_ |= Bit(stage); }
  bool Contains(Stage stage) const { return (bits_ & Bit(stage)) != 0; }
  bool empty() const { return bits_ == 0; }
  bool operator==(const StageSet&) const = default;

 private:
  static uint32_t Bit(Stage stage) { return 1U << static_cast<unsigned>(stage); }

  uint32_t bits_ = 0;
};

}  // namespace crashdump
