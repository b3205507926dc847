// SPDX-License-Identifier: GPL-2.0-or-later
#include "common/format/frame.h"

// For contexts in caller-given memory and for the size of that memory. The linked libzstd is static or pinned.
#define ZSTD_STATIC_LINKING_ONLY
#include <zstd.h>
#include <zstd_errors.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cinttypes>
#include <cstdlib>

#include "common/base/units.h"

namespace crashdump {
namespace {

struct ParametersDeleter {
  void operator()(ZSTD_CCtx_params* parameters) const { (void)ZSTD_freeCCtxParams(parameters); }
};
using UniqueParameters = std::unique_ptr<ZSTD_CCtx_params, ParametersDeleter>;

struct Setting {
  ZSTD_cParameter parameter;
  int value;
};

// For inputs of this size zstd would choose the parameters that it has for smaller ones; those for larger ones take a
// fortieth less time and give 0.6 % more bytes (pages of a kernel, level 1).
constexpr uint64_t kLargeInputBytes = 256 * kKiB;

// All parameters are set one by one: left to themselves, they follow the size of each input, and with them the memory
// that is needed. More than one thread's worth of features (long distance matching, workers) stays off.
std::array<Setting, 7> Settings(int level, uint64_t max_plain_bytes) {
  const uint64_t hint = max_plain_bytes < kLargeInputBytes ? max_plain_bytes : ZSTD_CONTENTSIZE_UNKNOWN;
  const ZSTD_compressionParameters chosen = ZSTD_adjustCParams(ZSTD_getCParams(level, hint, 0), max_plain_bytes, 0);
  return {{{ZSTD_c_windowLog, static_cast<int>(chosen.windowLog)},
           {ZSTD_c_hashLog, static_cast<int>(chosen.hashLog)},
           {ZSTD_c_chainLog, static_cast<int>(chosen.chainLog)},
           {ZSTD_c_searchLog, static_cast<int>(chosen.searchLog)},
           {ZSTD_c_minMatch, static_cast<int>(chosen.minMatch)},
           {ZSTD_c_targetLength, static_cast<int>(chosen.targetLength)},
           {ZSTD_c_strategy, static_cast<int>(chosen.strategy)}}};
}

Error ZstdError(ErrorCode code, const char* what, size_t result) {
  return Error::Format(code, "%s: zstd: %s", what, ZSTD_getErrorName(result));
}

}  // namespace

uint64_t FrameCompressor::WorkspaceBytes(CompressionLevels levels, uint64_t max_plain_bytes) {
  const UniqueParameters parameters(ZSTD_createCCtxParams());
  if (parameters == nullptr) return 0;
  uint64_t most = 0;
  for (int level = levels.lowest; level <= levels.highest; ++level) {
    for (const Setting& setting : Settings(level, max_plain_bytes)) {
      if (ZSTD_isError(ZSTD_CCtxParams_setParameter(parameters.get(), setting.parameter, setting.value))) return 0;
    }
    const size_t bytes = ZSTD_estimateCCtxSize_usingCCtxParams(parameters.get());
    if (ZSTD_isError(bytes)) return 0;
    most = std::max<uint64_t>(most, bytes);
  }
  return most;
}

Result<FrameCompressor> FrameCompressor::Create(CompressionLevels levels, uint64_t max_plain_bytes) {
  if (levels.lowest < kMinCompressionLevel || levels.highest > kMaxCompressionLevel || levels.lowest > levels.highest) {
    return Error::Format(ErrorCode::kInvalidArgument, "compression levels %d to %d are not between %d and %d",
                         levels.lowest, levels.highest, kMinCompressionLevel, kMaxCompressionLevel);
  }
  const uint64_t bytes = WorkspaceBytes(levels, max_plain_bytes);
  AlignedMemory workspace = TRY(AllocateAligned(bytes), "compressor of level %d", levels.highest);
  ZSTD_CCtx* context = ZSTD_initStaticCCtx(workspace.get(), static_cast<size_t>(bytes));
  if (context == nullptr) {
    return Error::Format(ErrorCode::kUnsupported, "compressor of level %d does not fit into %" PRIu64 " bytes",
                         levels.highest, bytes);
  }
  // A static context begins with every parameter zero, not with the defaults: without this, frames do not state their
  // content size.
  if (const size_t result = ZSTD_CCtx_reset(context, ZSTD_reset_session_and_parameters); ZSTD_isError(result)) {
    return ZstdError(ErrorCode::kUnsupported, "compressor", result);
  }
  FrameCompressor compressor(std::move(workspace), context, levels, max_plain_bytes);
  TRY(compressor.SetLevel(levels.lowest));
  return compressor;
}

Result<> FrameCompressor::SetLevel(int level) {
  Require(level >= levels_.lowest && level <= levels_.highest);
  if (level == level_) return {};
  for (const Setting& setting : Settings(level, max_plain_bytes_)) {
    const size_t result = ZSTD_CCtx_setParameter(static_cast<ZSTD_CCtx*>(context_), setting.parameter, setting.value);
    if (ZSTD_isError(result)) return ZstdError(ErrorCode::kUnsupported, "compressor", result);
  }
  level_ = level;
  return {};
}

Result<Bytes> FrameCompressor::Compress(Bytes plain, MutableBytes out) {
  if (plain.size() > max_plain_bytes_) {
    return Error::Format(ErrorCode::kInvalidArgument, "compressor: %zu bytes, made for %" PRIu64, plain.size(),
                         max_plain_bytes_);
  }
  const size_t length =
      ZSTD_compress2(static_cast<ZSTD_CCtx*>(context_), out.data(), out.size(), plain.data(), plain.size());
  if (ZSTD_isError(length)) return ZstdError(ErrorCode::kNoSpace, "compressor", length);
  return Bytes(out.first(length));
}

void FrameDecoder::ContextDeleter::operator()(void* context) const {
  (void)ZSTD_freeDCtx(static_cast<ZSTD_DCtx*>(context));
}

Result<FrameDecoder> FrameDecoder::Create() {
  ZSTD_DCtx* context = ZSTD_createDCtx();
  if (context == nullptr) return Error::Os(ENOMEM, "decompressor");
  return FrameDecoder(context);
}

Result<> FrameDecoder::Decode(Bytes frame, MutableBytes plain) {
  // Skippable frames and a second frame behind the first would both decompress without complaint.
  const unsigned long long content = ZSTD_getFrameContentSize(frame.data(), frame.size());
  if (content == ZSTD_CONTENTSIZE_ERROR || content == ZSTD_CONTENTSIZE_UNKNOWN ||
      ZSTD_isSkippableFrame(frame.data(), frame.size())) {
    return Error::Format(ErrorCode::kCorrupt, "%zu bytes of payload are no zstd frame that states its size",
                         frame.size());
  }
  if (content != plain.size()) {
    return Error::Format(ErrorCode::kCorrupt, "zstd frame of %llu bytes where %zu are stated", content, plain.size());
  }
  if (const size_t length = ZSTD_findFrameCompressedSize(frame.data(), frame.size()); length != frame.size()) {
    if (ZSTD_isError(length)) return ZstdError(ErrorCode::kCorrupt, "payload", length);
    return Error::Format(ErrorCode::kCorrupt, "zstd frame ends after %zu of %zu bytes", length, frame.size());
  }
  const size_t length = ZSTD_decompressDCtx(static_cast<ZSTD_DCtx*>(context_.get()), plain.data(), plain.size(),
                                            frame.data(), frame.size());
  if (ZSTD_isError(length)) return ZstdError(ErrorCode::kCorrupt, "payload", length);
  if (length != plain.size()) {
    return Error::Format(ErrorCode::kCorrupt, "zstd frame gave %zu bytes where %zu are stated", length, plain.size());
  }
  return {};
}

}  // namespace crashdump
