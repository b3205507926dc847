// SPDX-License-Identifier: GPL-2.0-or-later
// LevelController: raises the level of compression while the disk is what everybody waits for, and lowers it while the
// compressing threads are.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "common/format/compression_levels.h"

namespace crashdump {

// Not for several threads at once.
class LevelController {
 public:
  explicit LevelController(CompressionLevels levels) : levels_(levels), level_(levels.lowest) {}

  // The level for the next chunk, which is counted.
  int NextLevel();
  // A compressing thread had to wait for the writer, or the writer for a compressed chunk.
  void OnWriterIsLate() { ++writer_late_; }
  void OnChunkIsLate() { ++chunk_late_; }

  // How many chunks had which level: "1:520 2:31".
  std::string Used() const;

 private:
  // Chunks between decisions: time for what is on its way to have the new level.
  static constexpr uint64_t kInterval = 16;

  CompressionLevels levels_;
  int level_;
  uint64_t since_decision_ = 0;
  uint64_t writer_late_ = 0, chunk_late_ = 0;
  std::array<uint64_t, kMaxCompressionLevel + 1> used_{};
};

}  // namespace crashdump
