// SPDX-License-Identifier: GPL-2.0-or-later
#include "capture/writer/zstd_filter.h"

#include <unistd.h>
#include <zstd.h>

#include <cerrno>
#include <memory>
#include <string_view>
#include <vector>

#include "common/base/io.h"
#include "common/base/parse.h"

namespace crashdump {
namespace {

constexpr const char* kUsage = "zstd [-1 to -19] <INPUT >OUTPUT";
constexpr int kMostWindowLog = 20;

Result<int> ParseLevel(std::span<char* const> arguments) {
  int level = 3;  // zstd's own default
  for (const std::string_view argument : arguments) {
    if (argument == "-c") continue;
    const Result<uint64_t> number = ParseNumber(argument.substr(argument.starts_with('-') ? 1 : argument.size()));
    if (!number.ok() || number.value() < 1 || number.value() > 19) {
      return Error::Format(ErrorCode::kInvalidArgument, "zstd: %.*s is not known here; usage: %s",
                           static_cast<int>(argument.size()), argument.data(), kUsage);
    }
    level = static_cast<int>(number.value());
  }
  return level;
}

// What comes in, piece by piece; none at the end.
Result<Bytes> ReadPiece(int input, std::vector<uint8_t>& buffer) {
  while (true) {
    const ssize_t got = read(input, buffer.data(), buffer.size());
    if (got >= 0) return Bytes(buffer.data(), static_cast<size_t>(got));
    if (errno != EINTR) return Error::Os(errno, "zstd: read");
  }
}

Result<> WritePiece(int output, const ZSTD_outBuffer& out) {
  TRY(WriteFull(output, Bytes(static_cast<const uint8_t*>(out.dst), out.pos)), "zstd");
  return {};
}

Result<> Compress(int level, int input, int output) {
  const std::unique_ptr<ZSTD_CCtx, decltype(&ZSTD_freeCCtx)> context(ZSTD_createCCtx(), &ZSTD_freeCCtx);
  if (context == nullptr) return Error::Os(ENOMEM, "zstd");
  (void)ZSTD_CCtx_setParameter(context.get(), ZSTD_c_compressionLevel, level);
  (void)ZSTD_CCtx_setParameter(context.get(), ZSTD_c_checksumFlag, 1);
  // Levels 1 and 2 have no larger one of themselves (zstd 1.5.7).
  if (level > 2) (void)ZSTD_CCtx_setParameter(context.get(), ZSTD_c_windowLog, kMostWindowLog);
  std::vector<uint8_t> plain(ZSTD_CStreamInSize());
  std::vector<uint8_t> packed(ZSTD_CStreamOutSize());
  while (true) {
    const Bytes piece = TRY(ReadPiece(input, plain));
    const ZSTD_EndDirective directive = piece.empty() ? ZSTD_e_end : ZSTD_e_continue;
    ZSTD_inBuffer in = {piece.data(), piece.size(), 0};
    size_t left = 0;
    do {
      ZSTD_outBuffer out = {packed.data(), packed.size(), 0};
      left = ZSTD_compressStream2(context.get(), &out, &in, directive);
      if (ZSTD_isError(left)) return Error::Format(ErrorCode::kOs, "zstd: %s", ZSTD_getErrorName(left));
      TRY(WritePiece(output, out));
    } while (piece.empty() ? left != 0 : in.pos < in.size);
    if (piece.empty()) return {};
  }
}

}  // namespace

Result<> FilterZstd(std::span<char* const> arguments, int input, int output) {
  const int level = TRY(ParseLevel(arguments));
  if (isatty(output) != 0) {
    return Error::Format(ErrorCode::kInvalidArgument, "zstd: compressed bytes are nothing for a terminal; usage: %s",
                         kUsage);
  }
  return Compress(level, input, output);
}

}  // namespace crashdump
