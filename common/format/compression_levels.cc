// SPDX-License-Identifier: GPL-2.0-or-later
#include "common/format/compression_levels.h"

#include "common/base/parse.h"

namespace crashdump {

Result<CompressionLevels> ParseCompressionLevels(std::string_view text) {
  if (text == "auto") return CompressionLevels::Automatic();
  const Result<uint64_t> level = ParseNumber(text);
  if (!level.ok() || level.value() < kMinCompressionLevel || level.value() > kMaxCompressionLevel) {
    return Error::Format(ErrorCode::kInvalidArgument,
                         "compression level %.*s is neither auto nor a number from %d to %d",
                         static_cast<int>(text.size()), text.data(), kMinCompressionLevel, kMaxCompressionLevel);
  }
  return CompressionLevels(static_cast<int>(level.value()));
}

}  // namespace crashdump
