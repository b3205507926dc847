// SPDX-License-Identifier: GPL-2.0-or-later
#include "recover/remove_dump.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <string_view>
#include <vector>

#include "common/base/io.h"
#include "common/base/parse.h"
#include "recover/dump_files.h"
#include "recover/dump_info.h"
#include "recover/dump_list.h"
#include "recover/dump_report.h"
#include "recover/private_directory.h"

namespace crashdump {
namespace {

constexpr std::array<std::string_view, 5> kOwnFiles{kVmcoreName, kMessagesName, kDumpInfoName, kReportName,
                                                    kUnannouncedName};

// Somebody may keep his work on a dump beside it.
Result<> CheckHoldsOwnFilesOnly(int directory_fd) {
  const std::vector<std::string> entries = TRY(NamesInDirectory(directory_fd));
  for (const std::string& entry : entries) {
    struct stat status {};
    const bool is_own = std::find(kOwnFiles.begin(), kOwnFiles.end(), entry) != kOwnFiles.end() &&
                        fstatat(directory_fd, entry.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0 &&
                        S_ISREG(status.st_mode);
    if (is_own) continue;
    return Error::Format(ErrorCode::kRefused, "holds \"%s\", which crashdump has not put there: move it away first",
                         entry.c_str());
  }
  return {};
}

// A later run would publish it anew.
Result<> CheckRecovered(const DumpInfo& info, const KeyStore& keys) {
  const Error waits =
      Error::Format(ErrorCode::kRefused,
                    "not all of it is out of the swap yet: run \"crashdump recover\", or give the rest up "
                    "with \"crashdump prepare --discard-dumps\"");
  if (info.key_id.empty()) {
    return info.vmcore == VmcoreFile::kPending || info.read_error ? Result<>(waits) : Result<>();
  }
  DumpId key_id{};
  DumpId attempt_id{};
  TRY(ParseHex(info.key_id, key_id), "%s: key_id", kDumpInfoName);
  TRY(ParseHex(info.attempt_id, attempt_id), "%s: attempt_id", kDumpInfoName);
  const std::optional<KeyRecord> record = TRY(keys.Find(key_id));
  return record && !record->IsRecovered(attempt_id) ? Result<>(waits) : Result<>();
}

}  // namespace

Result<> CheckRemovable(int dumps_fd, const std::string& name, const KeyStore& keys) {
  const UniqueFd directory = TRY(FindPrivateDirectory(dumps_fd, name.c_str()));
  TRY(CheckHoldsOwnFilesOnly(directory.get()), "%s", name.c_str());
  const Result<std::string> json = ReadTextFileAt(directory.get(), kDumpInfoName, kDumpInfoLimit);
  const Result<DumpInfo> info = json.ok() ? DumpInfo::Parse(json.value()) : Result<DumpInfo>(json.error());
  // One that cannot be read counts as nothing for recover, too.
  if (info.ok()) TRY(CheckRecovered(info.value(), keys), "%s", name.c_str());
  return {};
}

Result<> RemoveDump(int dumps_fd, const std::string& name) {
  const std::string going = std::string(kGoingPrefix) + name;
  TRY(RemovePrivateDirectory(dumps_fd, going.c_str()));
  if (RenameWithin(dumps_fd, name.c_str(), going.c_str(), RENAME_NOREPLACE) != 0) {
    return Error::Os(errno, "%s: rename", name.c_str());
  }
  TRY(Fsync(dumps_fd), "%s", name.c_str());
  return RemovePrivateDirectory(dumps_fd, going.c_str());
}

Result<std::vector<std::string>> RemoveDumps(const std::string& crash_directory, const std::vector<std::string>& ids,
                                             const KeyStore& keys) {
  const std::vector<ListedDump> dumps = TRY(ListDumps(crash_directory));
  std::vector<std::string> names;
  for (const std::string& id : ids) {
    std::string name = TRY(FindDump(dumps, id));
    if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(std::move(name));
  }
  const UniqueFd directory = TRY(OpenDumps(crash_directory));
  for (const std::string& name : names) TRY(CheckRemovable(directory.get(), name, keys));
  for (const std::string& name : names) TRY(RemoveDump(directory.get(), name));
  return names;
}

}  // namespace crashdump
