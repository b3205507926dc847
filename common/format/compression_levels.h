// SPDX-License-Identifier: GPL-2.0-or-later
// CompressionLevels: which of zstd's levels may be used.
#pragma once

#include <string_view>

#include "common/base/result.h"

namespace crashdump {

inline constexpr int kMinCompressionLevel = 1;
inline constexpr int kMaxCompressionLevel = 19;
// A compressor of this level needs 3.5 MiB for a chunk, one of level 7 almost twice as much.
inline constexpr int kHighestAutomaticLevel = 6;

// One level if both are the same; else whichever keeps writing and compressing equally busy.
struct CompressionLevels {
  int lowest;
  int highest;

  constexpr CompressionLevels(int level) : lowest(level), highest(level) {}  // NOLINT(google-explicit-constructor)
  constexpr CompressionLevels(int least, int most) : lowest(least), highest(most) {}
  static constexpr CompressionLevels Automatic() { return {kMinCompressionLevel, kHighestAutomaticLevel}; }
  constexpr bool operator==(const CompressionLevels&) const = default;
};

// "auto", or a level. kInvalidArgument says what is allowed.
Result<CompressionLevels> ParseCompressionLevels(std::string_view text);

}  // namespace crashdump
