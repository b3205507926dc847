// SPDX-License-Identifier: GPL-2.0-or-later
// RegionStore: what this installation knows about the regions that it has made: one file per region id in
// /var/lib/crashdump/regions. A region whose stamps are not byte-equal to a stored one is another installation's.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/base/state_directory.h"
#include "common/storage/stamp.h"
#include "common/storage/uuid.h"

namespace crashdump {

struct StoredRegion {
  Stamp stamp;
  Uuid swap_uuid{};  // of the swap whose upper end it is

  bool operator==(const StoredRegion&) const = default;
};

class RegionStore {
 public:
  // `directory` must outlive the store.
  explicit RegionStore(StateDirectory& directory) : directory_(directory) {}

  // All records in the order of their file names. A file that cannot be used is an error that names it: to pass it over
  // would make the region another installation's.
  Result<std::vector<StoredRegion>> ReadAll() const;

  // Stores the record under its region id; on stable storage when it returns.
  Result<> Put(const StoredRegion& region);
  // Removes the record. No such record is fine.
  Result<> Remove(const RegionId& region_id);

  static std::string FileName(const RegionId& region_id);

 private:
  StateDirectory& directory_;
};

}  // namespace crashdump
