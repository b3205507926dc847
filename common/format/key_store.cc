// SPDX-License-Identifier: GPL-2.0-or-later
#include "common/format/key_store.h"

#include "common/base/parse.h"

namespace crashdump {
namespace {

constexpr std::string_view kSuffix = ".key";

Result<KeyRecord> ParseNamed(const std::string& name, std::string& text) {
  Result<KeyRecord> record = KeyRecord::Parse(text);
  Wipe(MutableBytesOf(text));
  if (!record.ok()) return record.error().Prefixed("key record %s", name.c_str());
  // A record under another name would be missed by who looks for its key, and overwritten by who stores that one.
  if (KeyStore::FileName(record.value().credentials.key_id) != name) {
    return Error::Format(ErrorCode::kCorrupt, "key record %s: it is for another key id", name.c_str());
  }
  return record;
}

}  // namespace

std::string KeyStore::FileName(const DumpId& key_id) { return ToHex(key_id) + std::string(kSuffix); }

Result<KeyStore::Contents> KeyStore::ReadAll() const {
  Contents contents;
  contents.damaged = TRY(ForEach([&contents](KeyRecord& record) { contents.records.push_back(std::move(record)); }));
  return contents;
}

Result<std::vector<KeyStore::Damaged>> KeyStore::ForEach(const std::function<void(KeyRecord& record)>& use) const {
  std::vector<Damaged> damaged;
  const std::vector<std::string> names = TRY(directory_.List(), "key records");
  for (const std::string& name : names) {
    if (!name.ends_with(kSuffix)) continue;
    Result<std::optional<std::string>> text = directory_.Read(name);
    if (!text.ok()) {
      damaged.push_back({name, text.error().Prefixed("key record %s", name.c_str())});
      continue;
    }
    if (!text.value()) continue;  // removed since
    Result<KeyRecord> record = ParseNamed(name, *text.value());
    if (record.ok()) {
      use(record.value());
    } else {
      damaged.push_back({name, record.error()});
    }
  }
  return damaged;
}

Result<std::optional<KeyRecord>> KeyStore::Find(const DumpId& key_id) const {
  const std::string name = FileName(key_id);
  std::optional<std::string> text = TRY(directory_.Read(name), "key record %s", name.c_str());
  if (!text) return std::optional<KeyRecord>();
  KeyRecord record = TRY(ParseNamed(name, *text));
  return std::optional<KeyRecord>(std::move(record));
}

Result<> KeyStore::Put(const KeyRecord& record) {
  const std::string name = FileName(record.credentials.key_id);
  std::string text = record.ToText();
  // What could not be read back must not be relied on.
  const Result<KeyRecord> parsed = KeyRecord::Parse(text);
  const Result<> stored = parsed.ok() ? directory_.Replace(name, text) : Result<>(parsed.error());
  Wipe(MutableBytesOf(text));
  if (!stored.ok()) return stored.error().Prefixed("key record %s", name.c_str());
  return {};
}

Result<> KeyStore::MarkRecovered(const DumpId& key_id, const DumpId& attempt_id) {
  std::optional<KeyRecord> record = TRY(Find(key_id));
  if (!record) {
    return Error::Format(ErrorCode::kNotFound, "key record %s: there is none", FileName(key_id).c_str());
  }
  if (record->IsRecovered(attempt_id)) return {};
  record->recovered.push_back(attempt_id);
  return Put(*record);
}

Result<> KeyStore::Remove(const DumpId& key_id) {
  const std::string name = FileName(key_id);
  TRY(directory_.Remove(name), "key record %s", name.c_str());
  return {};
}

}  // namespace crashdump
