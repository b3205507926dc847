// SPDX-License-Identifier: GPL-2.0-or-later
#include "recover/crash_report.h"

#include <zlib.h>

#include <algorithm>
#include <array>
#include <ctime>
#include <memory>
#include <vector>

#include "common/base/bytes.h"
#include "common/crypto/base64.h"

namespace crashdump {
namespace {

// Readers decode base64 line by line and take a whole line into memory: problem_report.py of apport reads 128 KiB
// pieces as it writes them.
constexpr size_t kPieceBytes = 131072;

constexpr std::string_view kMessagesKey = "VmCoreDmesg";

Error BadField(const char* key) {
  return Error::Format(ErrorCode::kInvalidArgument, "crash report: the value of %s cannot stand on one line", key);
}

Result<> AddLine(std::string& text, const char* key, std::string_view value) {
  const bool control = std::any_of(value.begin(), value.end(), [](char c) { return static_cast<uint8_t>(c) < 0x20; });
  // A reader takes the single word "base64" for the beginning of encoded data.
  if (control || value.empty() || value == "base64") return BadField(key);
  text.append(key).append(": ").append(value).append("\n");
  return {};
}

void AddEncodedLine(std::string& text, Bytes bytes) { text.append(" ").append(ToBase64(bytes)).append("\n"); }

struct EndDeflate {
  void operator()(z_stream* stream) const { (void)deflateEnd(stream); }
};

// Exactly one gzip member: readers silently drop what follows the first one. Its header stands on a line of its own,
// since they recognise the compression by the first line alone.
Result<> AddCompressed(std::string& text, std::string_view key, Bytes data) {
  // Magic, deflate, a name follows, no time, best compression, unknown system (RFC 1952, section 2.3).
  constexpr std::array<uint8_t, 10> kGzipHeader{0x1f, 0x8b, 8, 8, 0, 0, 0, 0, 2, 255};
  std::vector<uint8_t> header(kGzipHeader.begin(), kGzipHeader.end());
  header.insert(header.end(), key.begin(), key.end());
  header.push_back(0);
  text.append(key).append(": base64\n");
  AddEncodedLine(text, header);

  z_stream state{};
  constexpr int kRawDeflate = -15;
  constexpr int kDefaultMemory = 8;
  if (deflateInit2(&state, 6, Z_DEFLATED, kRawDeflate, kDefaultMemory, Z_DEFAULT_STRATEGY) != Z_OK) {
    return Error::Format(ErrorCode::kOs, "crash report: out of memory for the compressor");
  }
  const std::unique_ptr<z_stream, EndDeflate> stream(&state);
  std::vector<uint8_t> out(deflateBound(&state, kPieceBytes) + kPieceBytes);
  uLong checksum = crc32(0, nullptr, 0);
  size_t done = 0;
  do {
    const Bytes piece = data.subspan(done, std::min(kPieceBytes, data.size() - done));
    done += piece.size();
    checksum = crc32(checksum, piece.data(), static_cast<uInt>(piece.size()));
    state.next_in =
        const_cast<Bytef*>(piece.data());  // NOLINT(cppcoreguidelines-pro-type-const-cast): zlib's interface
    state.avail_in = static_cast<uInt>(piece.size());
    state.next_out = out.data();
    state.avail_out = static_cast<uInt>(out.size());
    const int result = deflate(&state, done == data.size() ? Z_FINISH : Z_NO_FLUSH);
    if (result == Z_STREAM_ERROR || state.avail_in != 0) {
      return Error::Format(ErrorCode::kOs, "crash report: zlib failed with %d", result);
    }
    const Bytes compressed = Bytes(out).first(out.size() - state.avail_out);
    std::vector<uint8_t> line(compressed.begin(), compressed.end());
    if (done == data.size()) {
      for (const uint64_t word : {uint64_t{checksum}, uint64_t{data.size()}}) {
        for (unsigned shift = 0; shift < 32; shift += 8) line.push_back(static_cast<uint8_t>(word >> shift));
      }
    }
    if (!line.empty()) AddEncodedLine(text, line);
  } while (done < data.size());
  return {};
}

}  // namespace

bool IsKernelRelease(std::string_view text) {
  constexpr std::string_view kAllowed = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz.+~_-";
  return !text.empty() && text.size() <= 64 && text.front() != '.' &&
         text.find_first_not_of(kAllowed) == std::string_view::npos;
}

std::string FormatReportDate(uint64_t seconds_since_1970) {
  const time_t time = static_cast<time_t>(seconds_since_1970);
  struct tm local {};
  (void)localtime_r(&time, &local);
  std::array<char, 64> text{};
  return {text.data(), strftime(text.data(), text.size(), "%a %b %e %H:%M:%S %Y", &local)};
}

Result<std::string> FormatCrashReport(const CrashReport& report) {
  if (!IsKernelRelease(report.kernel_release)) return BadField("Uname");
  std::string text;
  // ProblemType first, then by name: what apport writes, and what makes partial reads of its own tools cheap.
  TRY(AddLine(text, "ProblemType", "KernelCrash"));
  TRY(AddLine(text, "Architecture", report.architecture));
  TRY(AddLine(text, "CrashdumpDirectory", report.dump_directory));
  TRY(AddLine(text, "Date", report.date));
  TRY(AddLine(text, "DistroRelease", report.distribution));
  TRY(AddLine(text, "Package",
              "linux-image-" + report.kernel_release + " " +
                  (report.package_version.empty() ? "(not installed)" : report.package_version)));
  TRY(AddLine(text, "SourcePackage", "linux"));
  TRY(AddLine(text, "Tags", "kernel-crash"));
  TRY(AddLine(text, "Uname", "Linux " + report.kernel_release + " " + report.machine));
  TRY(AddCompressed(text, kMessagesKey, BytesOf(report.messages)));
  return text;
}

}  // namespace crashdump
