// SPDX-License-Identifier: GPL-2.0-or-later
// Publisher: turns an authenticated dump into a directory below /var/crash/kernel/dumps, whole or not at all.
// Name and contents depend on the dump alone, so that publishing it again after an interruption gives the same.
#pragma once

#include <optional>
#include <string>

#include "common/base/result.h"
#include "common/base/unique_fd.h"
#include "common/options/recover_options.h"
#include "recover/dump_info.h"
#include "recover/dump_source.h"
#include "recover/host_facts.h"

namespace crashdump {

struct Published {
  std::string name;     // of the directory
  DumpInfo info;        // as it stands there now
  bool is_new = false;  // false: an earlier run had published all that can be published now
};

class Publisher {
 public:
  // Opens (and makes, private to root) `crash_directory`/kernel/dumps; `crash_directory` itself is made if absent.
  // At least `minimum_free` bytes stay free on its filesystem when a vmcore is written.
  static Result<Publisher> Open(const std::string& crash_directory, uint64_t minimum_free, HostFacts host,
                                ReportPlace reports);
  // Only for Preview(): makes nothing, and takes what is not there, or somebody else's, for empty.
  static Result<Publisher> OpenForPreview(const std::string& crash_directory, uint64_t minimum_free);

  // "20261122235901-0123456789ab": the crash's time (UTC) and the attempt id's beginning.
  static std::string DumpName(const DumpHeader& header);

  // `key_id` is that of the record under which the dump was found. On return the dump's directory, with its report, is
  // on stable storage; so is the other report, which is written once. A later call may add to it if info.vmcore is
  // kPending (there was no room, or info.vmcore_error says why: messages and report are there) or info.read_error is
  // set; the dump must stay readable until then. Whatever else had the dump's name is renamed aside.
  Result<Published> Publish(DumpSource& source, const DumpId& key_id);

  // What Publish() would do, as far as that can be known before.
  Result<Published> Preview(DumpSource& source, const DumpId& key_id) const;

  // Removes what interrupted runs left behind.
  Result<> RemoveLeftovers();

 private:
  // A dump, and what is published of it.
  struct Outlook {
    std::string name;
    DumpHeader header;
    DumpId key_id{};
    std::optional<DumpInfo> earlier;
    DumpSurvey survey;     // empty if nothing is missing from what is published
    std::string messages;  // as they are published
    VmcoreFile vmcore = VmcoreFile::kNone;
    std::string vmcore_error;  // as in DumpInfo
    bool adds = false;         // what can be published is more than what is
  };

  Publisher(UniqueFd crash, UniqueFd dumps, std::string dumps_path, uint64_t minimum_free, HostFacts host,
            ReportPlace reports)
      : crash_(std::move(crash)),
        dumps_(std::move(dumps)),
        dumps_path_(std::move(dumps_path)),
        minimum_free_(minimum_free),
        host_(std::move(host)),
        reports_(reports) {}

  Result<Outlook> LookAt(DumpSource& source, const DumpId& key_id) const;
  // What is published already, when there is nothing to add.
  static Published Unchanged(const Outlook& outlook);
  std::optional<DumpInfo> FindPublished(const std::string& name, const DumpId& attempt_id, const DumpId& key_id) const;
  // Bytes that may be written without touching what is to stay free.
  Result<uint64_t> Room() const;
  // A directory as it is to be, and its report.
  struct Built {
    DumpInfo info;
    std::string report;
  };
  // `vmcore_bytes` is DumpInfo's member; for kPresent it comes back, and if the disk is full, as what is needed at
  // least.
  Result<Built> Build(const std::string& temporary, DumpSource& source, const Outlook& outlook,
                      uint64_t& vmcore_bytes) const;
  Result<uint64_t> WriteVmcore(int directory_fd, DumpSource& source, uint64_t& needed) const;
  Result<> MoveIntoPlace(const std::string& temporary, const std::string& name, bool is_earlier_there);
  // Where apport looks, if it shall see it.
  Result<> ShowReport(const std::string& name, const Built& built) const;

  UniqueFd crash_;
  UniqueFd dumps_;
  std::string dumps_path_;
  uint64_t minimum_free_;
  HostFacts host_;
  ReportPlace reports_;
};

}  // namespace crashdump
