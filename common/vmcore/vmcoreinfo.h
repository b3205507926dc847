// SPDX-License-Identifier: GPL-2.0-or-later
// Vmcoreinfo: the text in which a kernel tells crash tools about itself: "KEY=value" lines such as
// "SYMBOL(prb)=ffffffff82a3bb40", "OFFSET(page.flags)=0", "NUMBER(phys_base)=-16777216".
// The kernel fills it long before the crash; whatever overwrote it since, reading it stays within bounds.
#pragma once

#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/bytes.h"
#include "common/base/result.h"
#include "common/base/units.h"

namespace crashdump {

// Which form of key a name stands in. "KEY" is the bare name.
enum class VmcoreinfoKind : uint8_t { kSymbol, kSize, kOffset, kNumber, kLength };

// One wanted value: see Vmcoreinfo::Fill.
struct VmcoreinfoField {
  enum class Presence : uint8_t { kRequired, kOptional };

  VmcoreinfoKind kind;
  std::string_view name;
  uint64_t* value;  // left as it is if an optional key is missing
  Presence presence = Presence::kRequired;
  uint64_t maximum = UINT64_MAX;
};

class Vmcoreinfo {
 public:
  // The kernel's own limit is one page (VMCOREINFO_BYTES), 64 KiB at most.
  static constexpr size_t kMaxBytes = 256 * kKiB;

  static constexpr uint64_t kMinPageSize = 4096;
  static constexpr uint64_t kMaxPageSize = 256 * kKiB;

  // Indexes a copy of `bytes`, which end at the first NUL if there is one. Lines that are not of the form key=value
  // are kept in text() and otherwise ignored; of a key that stands twice the first counts. Never fails: what is
  // beyond kMaxBytes is left out.
  explicit Vmcoreinfo(Bytes bytes);

  // Everything, as the kernel wrote it. Any byte can be in it: escape before showing.
  const std::string& text() const { return text_; }

  // The value behind "key=", if any. The view is valid as long as this object is not assigned to or moved.
  std::optional<std::string_view> Find(std::string_view key) const;

  // Values by kind: kNotFound names the missing key; kCorrupt a value that is not a number of that kind's form.
  // Symbols are hexadecimal, sizes, offsets and lengths decimal.
  Result<uint64_t> Symbol(std::string_view name) const { return Value(VmcoreinfoKind::kSymbol, name); }
  Result<uint64_t> Size(std::string_view name) const { return Value(VmcoreinfoKind::kSize, name); }
  Result<uint64_t> Offset(std::string_view name) const { return Value(VmcoreinfoKind::kOffset, name); }
  Result<uint64_t> Length(std::string_view name) const { return Value(VmcoreinfoKind::kLength, name); }
  // Decimal with an optional '-', or hexadecimal with 0x. Values of 2^63 and more come out negative (mod 2^64).
  Result<int64_t> Number(std::string_view name) const;
  Result<uint64_t> Value(VmcoreinfoKind kind, std::string_view name) const;

  // Stores the values of all fields, and checks each: the error names the first required key that is missing, or that
  // has no valid value or one above its maximum (an optional key's too). This is the one place where it is decided
  // what a reader cannot do without.
  Result<> Fill(std::initializer_list<VmcoreinfoField> fields) const;

  // Bare keys. CRASHTIME is seconds since 1970; absent if the kernel did not panic (a dump of a live guest).
  // All are kNotFound or kCorrupt as above.
  Result<std::string_view> OsRelease() const;
  Result<uint64_t> PageSize() const;  // checked: a power of two from 4 KiB to 256 KiB
  Result<uint64_t> CrashTime() const;
  Result<uint64_t> KernelOffset() const;  // bytes by which address randomization moved the kernel's image

 private:
  // Offsets into text_, sorted by key, so that the object can be moved.
  struct Line {
    uint32_t key_begin, key_size, value_size;
  };
  std::string_view KeyOf(const Line& line) const {
    return std::string_view(text_).substr(line.key_begin, line.key_size);
  }
  Result<std::string_view> Require(const std::string& key) const;

  std::string text_;
  std::vector<Line> lines_;
};

}  // namespace crashdump
