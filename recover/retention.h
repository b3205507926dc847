// SPDX-License-Identifier: GPL-2.0-or-later
// Retention: which recovered dumps go when there are more than KEEP, or they take more room than MAX_SIZE. The oldest
// go first; the newest and what the run itself has published stay, as does all that CheckRemovable() does not let go.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/format/key_store.h"
#include "common/options/recover_options.h"
#include "recover/collector.h"

namespace crashdump {

struct KeptDump {
  std::string name;
  uint64_t bytes = 0;  // on the disk
  bool may_go = false;
  uint64_t published = UINT64_MAX;  // nanoseconds since 1970; later than any: it is about to be
};

// `dumps` are the oldest first. Of the result, which has the same order, each is one of them.
std::vector<std::string> ChooseDumpsToRemove(const std::vector<KeptDump>& dumps, const Retention& limits);

// Removes those below `crash_directory`, or with kPreview only says which; a note for each, and for each that cannot be
// removed. `notes` are the collector's.
enum class RetentionMode : uint8_t { kRemove, kPreview };
Result<std::vector<RecoverNote>> ApplyRetention(const std::string& crash_directory, const Retention& limits,
                                                const KeyStore& keys, const std::vector<RecoverNote>& notes,
                                                RetentionMode mode);

}  // namespace crashdump
