// SPDX-License-Identifier: GPL-2.0-or-later
#include "recover/dump_list.h"

#include <fcntl.h>

#include <cerrno>

#include "common/base/io.h"

namespace crashdump {
namespace {

Result<DumpInfo> ReadInfo(int dumps_fd, const std::string& name) {
  const UniqueFd directory = TRY(OpenFileAt(dumps_fd, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
  const std::string json = TRY(ReadTextFileAt(directory.get(), kDumpInfoName, kDumpInfoLimit), "%s", kDumpInfoName);
  return DumpInfo::Parse(json);
}

}  // namespace

Result<std::vector<ListedDump>> ListDumps(const std::string& crash_directory) {
  const std::string path = crash_directory + "/kernel/dumps";
  const Result<UniqueFd> dumps = OpenFile(path.c_str(), O_RDONLY | O_DIRECTORY);
  if (!dumps.ok() && dumps.error().os_error() == ENOENT) return std::vector<ListedDump>();
  if (!dumps.ok()) return dumps.error().Prefixed("%s", path.c_str());
  const std::vector<std::string> names = TRY(NamesInDirectory(dumps.value().get()), "%s", path.c_str());
  std::vector<ListedDump> listed;
  for (const std::string& name : names) {
    if (name.front() != '.') listed.push_back({name, ReadInfo(dumps.value().get(), name)});
  }
  return listed;
}

}  // namespace crashdump
