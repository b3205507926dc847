// SPDX-License-Identifier: GPL-2.0-or-later
// zstd frames: a compressor whose memory is fixed when it is made, and a decoder that trusts nothing.
#pragma once

#include <cstdint>
#include <memory>

#include "common/base/aligned_memory.h"
#include "common/base/bytes.h"
#include "common/base/result.h"
#include "common/format/compression_levels.h"

namespace crashdump {

// Compresses buffers of at most `max_plain_bytes`, one frame each. All memory is allocated by Create().
// Not for several threads at once.
class FrameCompressor {
 public:
  // Bytes that Create() allocates: what the most demanding of the levels needs.
  static uint64_t WorkspaceBytes(CompressionLevels levels, uint64_t max_plain_bytes);

  // Begins with the lowest level. kInvalidArgument for levels outside [kMinCompressionLevel, kMaxCompressionLevel].
  static Result<FrameCompressor> Create(CompressionLevels levels, uint64_t max_plain_bytes);

  // The level of the frames to come, one of those that the compressor was made for.
  Result<> SetLevel(int level);

  // Compresses `plain` into the front of `out` and returns that part. `out` needs MaxStoredLength(plain.size()) bytes.
  // The same input at the same level gives the same bytes, whatever was compressed before.
  Result<Bytes> Compress(Bytes plain, MutableBytes out);

 private:
  FrameCompressor(AlignedMemory workspace, void* context, CompressionLevels levels, uint64_t max_plain_bytes)
      : workspace_(std::move(workspace)), context_(context), levels_(levels), max_plain_bytes_(max_plain_bytes) {}

  AlignedMemory workspace_;
  void* context_;  // the ZSTD_CCtx, inside workspace_
  CompressionLevels levels_;
  int level_ = 0;  // none yet
  uint64_t max_plain_bytes_;
};

// Decompresses single frames.
class FrameDecoder {
 public:
  static Result<FrameDecoder> Create();

  // `frame` must be exactly one zstd frame that states its content size, and that must be plain.size(); fills `plain`.
  // Everything else is kCorrupt.
  Result<> Decode(Bytes frame, MutableBytes plain);

 private:
  struct ContextDeleter {
    void operator()(void* context) const;
  };
  explicit FrameDecoder(void* context) : context_(context) {}

  std::unique_ptr<void, ContextDeleter> context_;
};

}  // namespace crashdump
