// SPDX-License-Identifier: GPL-2.0-or-later
#include "common/vmcore/vmcoreinfo.h"

#include <algorithm>
#include <cinttypes>

#include "common/base/parse.h"
#include "common/base/units.h"

namespace crashdump {
namespace {

const char* PrefixOf(VmcoreinfoKind kind) {
  switch (kind) {
    case VmcoreinfoKind::kSymbol:
      return "SYMBOL";
    case VmcoreinfoKind::kSize:
      return "SIZE";
    case VmcoreinfoKind::kOffset:
      return "OFFSET";
    case VmcoreinfoKind::kNumber:
      return "NUMBER";
    case VmcoreinfoKind::kLength:
      return "LENGTH";
  }
  return "";
}

std::string KeyFor(VmcoreinfoKind kind, std::string_view name) {
  return std::string(PrefixOf(kind)).append("(").append(name).append(")");
}

Error BadValue(const std::string& key) {
  return Error::Format(ErrorCode::kCorrupt, "VMCOREINFO: %s has no valid value", key.c_str());
}

Result<uint64_t> ParseNumberValue(std::string_view text) {
  if (text.starts_with("0x")) return ParseHexNumber(text.substr(2));
  if (!text.starts_with('-')) return ParseNumber(text);
  const uint64_t magnitude = TRY(ParseNumber(text.substr(1)));
  if (magnitude > uint64_t{1} << 63) return Error::Format(ErrorCode::kCorrupt, "too small");
  return uint64_t{0} - magnitude;
}

}  // namespace

Vmcoreinfo::Vmcoreinfo(Bytes bytes) : text_(TextOf(bytes.first(std::min(bytes.size(), kMaxBytes)))) {
  text_.resize(std::min(text_.size(), text_.find('\0')));
  const std::string_view text = text_;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    const size_t equals = text.substr(begin, end - begin).find('=');
    if (equals != std::string_view::npos && equals != 0) {
      lines_.push_back({.key_begin = static_cast<uint32_t>(begin),
                        .key_size = static_cast<uint32_t>(equals),
                        .value_size = static_cast<uint32_t>(end - begin - equals - 1)});
    }
    begin = end + 1;
  }
  // Equal keys: the first line first.
  std::sort(lines_.begin(), lines_.end(), [this](const Line& a, const Line& b) {
    const int order = KeyOf(a).compare(KeyOf(b));
    return order != 0 ? order < 0 : a.key_begin < b.key_begin;
  });
}

std::optional<std::string_view> Vmcoreinfo::Find(std::string_view key) const {
  const auto line = std::lower_bound(lines_.begin(), lines_.end(), key,
                                     [this](const Line& a, std::string_view wanted) { return KeyOf(a) < wanted; });
  if (line == lines_.end() || KeyOf(*line) != key) return std::nullopt;
  return std::string_view(text_).substr(line->key_begin + line->key_size + 1, line->value_size);
}

Result<std::string_view> Vmcoreinfo::Require(const std::string& key) const {
  const std::optional<std::string_view> text = Find(key);
  if (!text) return Error::Format(ErrorCode::kNotFound, "VMCOREINFO lacks %s", key.c_str());
  return *text;
}

Result<uint64_t> Vmcoreinfo::Value(VmcoreinfoKind kind, std::string_view name) const {
  const std::string key = KeyFor(kind, name);
  const std::string_view text = TRY(Require(key));
  const Result<uint64_t> value = kind == VmcoreinfoKind::kSymbol   ? ParseHexNumber(text)
                                 : kind == VmcoreinfoKind::kNumber ? ParseNumberValue(text)
                                                                   : ParseNumber(text);
  if (!value.ok()) return BadValue(key);
  return value;
}

Result<int64_t> Vmcoreinfo::Number(std::string_view name) const {
  const uint64_t value = TRY(Value(VmcoreinfoKind::kNumber, name));
  return static_cast<int64_t>(value);
}

Result<> Vmcoreinfo::Fill(std::initializer_list<VmcoreinfoField> fields) const {
  for (const VmcoreinfoField& field : fields) {
    const Result<uint64_t> value = Value(field.kind, field.name);
    if (!value.ok()) {
      const bool missing = value.error().code() == ErrorCode::kNotFound;
      if (missing && field.presence == VmcoreinfoField::Presence::kOptional) continue;
      return value.error();
    }
    if (value.value() > field.maximum) {
      return Error::Format(ErrorCode::kCorrupt, "VMCOREINFO: %s is %" PRIu64 ", above %" PRIu64,
                           KeyFor(field.kind, field.name).c_str(), value.value(), field.maximum);
    }
    *field.value = value.value();
  }
  return {};
}

Result<std::string_view> Vmcoreinfo::OsRelease() const { return Require("OSRELEASE"); }

Result<uint64_t> Vmcoreinfo::PageSize() const {
  const std::string key = "PAGESIZE";
  const std::string_view text = TRY(Require(key));
  const Result<uint64_t> value = ParseNumber(text);
  if (!value.ok() || !IsPowerOfTwo(value.value()) || value.value() < kMinPageSize || value.value() > kMaxPageSize) {
    return BadValue(key);
  }
  return value;
}

Result<uint64_t> Vmcoreinfo::CrashTime() const {
  const std::string key = "CRASHTIME";
  const std::string_view text = TRY(Require(key));
  const Result<uint64_t> value = ParseNumber(text);
  if (!value.ok()) return BadValue(key);
  return value;
}

Result<uint64_t> Vmcoreinfo::KernelOffset() const {
  const std::string key = "KERNELOFFSET";
  const std::string_view text = TRY(Require(key));
  const Result<uint64_t> value = ParseHexNumber(text);
  if (!value.ok()) return BadValue(key);
  return value;
}

}  // namespace crashdump
