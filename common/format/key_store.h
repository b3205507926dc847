// SPDX-License-Identifier: GPL-2.0-or-later
// KeyStore: the key records in their directory, one file "<key id in hex>.key" each. It stores; when a record may be
// deleted is decided by loader and recover.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/base/state_directory.h"
#include "common/format/key_record.h"

namespace crashdump {

class KeyStore {
 public:
  // A file with the name of a key record that cannot be used as one. Whoever computes what is occupied or deletes
  // records must take it as a record of unknown contents.
  struct Damaged {
    std::string name;
    Error error;
  };
  struct Contents {
    std::vector<KeyRecord> records;  // in the order of their key ids
    std::vector<Damaged> damaged;
  };

  // `directory` must outlive the store.
  explicit KeyStore(StateDirectory& directory) : directory_(directory) {}

  // All records. Files that are not named like key records are ignored. An error only if the directory cannot be
  // listed.
  Result<Contents> ReadAll() const;
  // As ReadAll(), one record after the other, so that no more than one's keys are in memory. `use` may change the
  // store.
  Result<std::vector<Damaged>> ForEach(const std::function<void(KeyRecord& record)>& use) const;
  Result<std::optional<KeyRecord>> Find(const DumpId& key_id) const;

  // Stores the record under its key id, in place of an older version of it; on stable storage when it returns.
  Result<> Put(const KeyRecord& record);
  // Adds the attempt to the stored record's recovered ones, if it is not among them. kNotFound without such a record.
  Result<> MarkRecovered(const DumpId& key_id, const DumpId& attempt_id);
  // Removes the record; gone from stable storage when it returns. No such record is fine.
  Result<> Remove(const DumpId& key_id);

  static std::string FileName(const DumpId& key_id);

 private:
  StateDirectory& directory_;
};

}  // namespace crashdump
