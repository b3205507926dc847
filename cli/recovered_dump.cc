// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli/recovered_dump.h"

#include <sys/stat.h>

#include <cerrno>
#include <vector>

#include "common/base/io.h"
#include "common/base/units.h"
#include "recover/dump_list.h"
#include "recover/private_directory.h"

namespace crashdump {
namespace {

// No more than a message slot holds, decompressed and escaped.
constexpr uint64_t kTextLimit = 256 * kMiB;

}  // namespace

std::string CrashDirectory(const CommandLine& line) { return line.Text("directory").value_or(kCrashDirectory); }

Result<std::string> RecoveredDump::ReadText(const char* file) const {
  return TRY(ReadTextFileAt(directory.get(), file, kTextLimit), "%s/%s", path.c_str(), file);
}

Result<RecoveredDump> FindRecoveredDump(const std::string& crash_directory, const std::string& id) {
  const std::vector<ListedDump> dumps = TRY(ListDumps(crash_directory));
  const std::string name = TRY(FindDump(dumps, id));
  const UniqueFd parent = TRY(OpenDumps(crash_directory));
  RecoveredDump dump = {.name = name,
                        .path = crash_directory + "/kernel/dumps/" + name,
                        .directory = TRY(FindPrivateDirectory(parent.get(), name.c_str())),
                        .info = {}};
  const std::string json = TRY(dump.ReadText(kDumpInfoName));
  dump.info = TRY(DumpInfo::Parse(json), "%s", dump.path.c_str());
  return dump;
}

Result<std::optional<RecoveredDump>> DumpInsteadOfFile(const CommandLine& line) {
  const std::string argument = line.positional()[0];
  struct stat status {};
  const bool is_path = argument.find('/') != std::string::npos;
  if (is_path || stat(argument.c_str(), &status) == 0 || errno != ENOENT) return std::optional<RecoveredDump>();
  Result<RecoveredDump> dump = FindRecoveredDump(CrashDirectory(line), argument);
  if (dump.ok()) return std::optional<RecoveredDump>(dump.TakeValue());
  if (dump.error().code() != ErrorCode::kNotFound) return dump.error();
  return Error::Format(ErrorCode::kNotFound, "%s: neither a file nor a recovered dump (see crashdump list)",
                       argument.c_str());
}

}  // namespace crashdump
