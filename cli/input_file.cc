// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli/input_file.h"

#include <algorithm>
#include <array>

#include "common/base/byte_source.h"
#include "common/format/dump_format.h"
#include "common/vmcore/elf_layout.h"

namespace crashdump {

Result<InputKind> DetectInput(const char* path) {
  const FileSource file = TRY(FileSource::Open(path));
  std::array<uint8_t, 12> begin{};
  // A file of proc may not know its size.
  const size_t count =
      file.size() == 0 ? sizeof(kElfMagic) : static_cast<size_t>(std::min<uint64_t>(begin.size(), file.size()));
  const Result<> read = file.ReadAt(0, MutableBytes(begin).first(count));
  if (!read.ok() && file.size() == 0) return Error::Format(ErrorCode::kTruncated, "the file is empty");
  TRY(read);
  const auto begins_with = [&](Bytes magic) { return Equal(Bytes(begin).first(magic.size()), magic); };
  if (begins_with(kObjectMagic)) return InputKind::kDump;
  if (begins_with(kElfMagic)) return InputKind::kVmcore;
  if (begins_with(BytesOf(std::string_view("KDUMP   "))) || begins_with(BytesOf(std::string_view("makedumpfile")))) {
    return Error::Format(
        ErrorCode::kUnsupported,
        "in makedumpfile's format, which this program writes and crash, drgn and makedumpfile read; it "
        "reads its own dumps and ELF vmcores");
  }
  return Error::Format(ErrorCode::kUnsupported, "neither a dump of this program nor an ELF vmcore");
}

}  // namespace crashdump
