// SPDX-License-Identifier: GPL-2.0-or-later
// Collector: walks over all key records, finds each one's dumps on the machine's disks, has them published, records
// them as recovered, and deletes the records that serve nothing any more. It only reads the disks.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "common/base/result.h"
#include "common/format/key_policy.h"
#include "common/format/key_store.h"
#include "recover/publisher.h"

namespace crashdump {

// One line of what happened, for the program to print.
struct RecoverNote {
  enum class Kind : uint8_t {
    kPublished,  // a dump is new in /var/crash, whole as far as it could be read
    kPending,    // messages and report are published; the pages stay in the region for lack of room
    kFailed,     // something that should have worked did not; the dump stays where it is
    kFound,      // of a preview: a dump that would be published
    kRemoved,    // an old dump has gone, or would (retention.h)
  };
  Kind kind;
  std::string text;
  std::string dump = {};       // its name, if it is published, or would be
  uint64_t bytes_to_come = 0;  // of a preview: what it would take of the disk, about
};

class Collector {
 public:
  // All but the function must outlive the collector. Devices are in no order that matters.
  Collector(KeyStore& keys, Publisher& publisher, const std::vector<RecoverDevice>& devices, MakeRegionDumps make_dumps)
      : keys_(keys), publisher_(publisher), devices_(devices), make_dumps_(std::move(make_dumps)) {}

  // Goes on after failures: one dump's trouble must not keep the others. Fails itself only if the records cannot be
  // listed.
  Result<std::vector<RecoverNote>> Run();

  // What Run() would find and do, as far as that can be known without doing it; changes nothing. Goes on as Run() does.
  Result<std::vector<RecoverNote>> Preview();

  // Deletes the records that MayDeleteKey() allows. The caller holds the lock that `load` takes, and has read `boot`
  // under it: the record of an image that is being loaded looks like one of an image that is gone. Goes on after
  // failures and returns the first.
  Result<> DeleteDeadKeys(const BootFacts& boot);

 private:
  using AttemptAction = void (Collector::*)(KeyRecord& record, const std::string& where, DumpSource& dump);

  // Calls `action` for each dump that is not recovered.
  Result<std::vector<RecoverNote>> ForEachDump(AttemptAction action);
  void ForEachAttempt(KeyRecord& record, AttemptAction action);
  void RecoverAttempt(KeyRecord& record, const std::string& where, DumpSource& dump);
  void PreviewAttempt(KeyRecord& record, const std::string& where, DumpSource& dump);
  void Note(RecoverNote::Kind kind, std::string text, std::string dump = {}, uint64_t bytes_to_come = 0);

  KeyStore& keys_;
  Publisher& publisher_;
  const std::vector<RecoverDevice>& devices_;
  MakeRegionDumps make_dumps_;
  std::vector<RecoverNote> notes_;
};

}  // namespace crashdump
