// SPDX-License-Identifier: GPL-2.0-or-later
#include "loader/capture_modules.h"

#include <zstd.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "common/base/io.h"
#include "common/base/parse.h"
#include "common/base/units.h"

namespace crashdump {
namespace {

// mkcrashinitramfs makes 1 MB of 3 MB.
constexpr uint64_t kMostPackedBytes = 64 * kMiB;
constexpr uint64_t kMostPlainBytes = 256 * kMiB;

Error Unsupported(const char* why) { return Error::Format(ErrorCode::kUnsupported, "%s", why); }

Result<std::string> UnpackFirstFrame(std::string_view packed) {
  const std::unique_ptr<ZSTD_DCtx, decltype(&ZSTD_freeDCtx)> context(ZSTD_createDCtx(), &ZSTD_freeDCtx);
  if (context == nullptr) return Unsupported("no memory");
  std::vector<char> buffer(ZSTD_DStreamOutSize());
  std::string plain;
  ZSTD_inBuffer in = {packed.data(), packed.size(), 0};
  while (true) {
    ZSTD_outBuffer out = {buffer.data(), buffer.size(), 0};
    const size_t left = ZSTD_decompressStream(context.get(), &out, &in);
    if (ZSTD_isError(left)) return Unsupported(ZSTD_getErrorName(left));
    plain.append(buffer.data(), out.pos);
    if (plain.size() > kMostPlainBytes) return Unsupported("too large");
    if (left == 0) return plain;
    if (in.pos == in.size && out.pos == 0) return Unsupported("its end is missing");
  }
}

// Linux Documentation/driver-api/early-userspace/buffer-format.rst: a header of 110 characters, in it the sizes of
// contents and name as eight hexadecimal digits each; name and contents begin at multiples of 4.
struct Entry {
  std::string_view name;
  std::string_view contents;
};

// The next entry, which is taken off the archive; none at the end mark, or if there is no entry.
std::optional<Entry> TakeEntry(std::string_view& archive) {
  constexpr size_t kHeaderBytes = 110;
  if (archive.size() < kHeaderBytes || !archive.starts_with("070701")) return std::nullopt;
  const Result<uint64_t> contents_bytes = ParseHexNumber(archive.substr(54, 8));
  const Result<uint64_t> name_bytes = ParseHexNumber(archive.substr(94, 8));
  if (!contents_bytes.ok() || !name_bytes.ok() || name_bytes.value() == 0) return std::nullopt;
  const uint64_t contents = AlignUp(kHeaderBytes + name_bytes.value(), 4);
  const uint64_t end = contents + contents_bytes.value();
  if (end > archive.size()) return std::nullopt;
  const Entry entry = {archive.substr(kHeaderBytes, static_cast<size_t>(name_bytes.value() - 1)),
                       archive.substr(static_cast<size_t>(contents), static_cast<size_t>(contents_bytes.value()))};
  if (entry.name == "TRAILER!!!") return std::nullopt;
  archive.remove_prefix(static_cast<size_t>(std::min<uint64_t>(AlignUp(end, 4), archive.size())));
  return entry;
}

}  // namespace

Result<CaptureModules> CaptureModules::Read(int initramfs) {
  const uint64_t size = TRY(FileSize(initramfs));
  if (size > kMostPackedBytes) return Unsupported("too large");
  std::string archive(static_cast<size_t>(size), '\0');
  TRY(PreadFull(initramfs, 0, MutableBytesOf(archive)));
  if (archive.starts_with("\x28\xb5\x2f\xfd")) archive = TRY(UnpackFirstFrame(archive));
  std::string dependencies;
  std::string aliases;
  std::string builtin;
  bool found = false;
  for (std::string_view rest = archive; const std::optional<Entry> entry = TakeEntry(rest);) {
    if (!entry->name.starts_with("lib/modules/")) continue;
    const std::string_view name = entry->name.substr(entry->name.rfind('/') + 1);
    found = found || name == "modules.dep";
    if (name == "modules.dep") dependencies = entry->contents;
    if (name == "modules.alias") aliases = entry->contents;
    if (name == "modules.builtin") builtin = entry->contents;
  }
  if (!found) return Unsupported("no modules.dep");
  return CaptureModules(ModuleIndex(std::move(dependencies), std::move(aliases)), ModuleIndex(std::move(builtin), ""));
}

bool CaptureModules::Has(const DeviceDriver& driver) const {
  if (driver.module.empty() || !index_.FilesOf(driver.module).empty()) return true;
  if (!driver.alias.empty() && !index_.FilesForAlias(driver.alias).empty()) return true;
  return !builtin_.FilesOf(driver.module).empty();
}

}  // namespace crashdump
