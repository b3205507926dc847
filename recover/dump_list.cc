// SPDX-License-Identifier: GPL-2.0-or-later
#include "recover/dump_list.h"

#include <fcntl.h>

#include <cerrno>

#include "common/base/io.h"
#include "recover/private_directory.h"

namespace crashdump {
namespace {

Result<DumpInfo> ReadInfo(int dumps_fd, const std::string& name) {
  const UniqueFd directory = TRY(OpenFileAt(dumps_fd, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
  const std::string json = TRY(ReadTextFileAt(directory.get(), kDumpInfoName, kDumpInfoLimit), "%s", kDumpInfoName);
  return DumpInfo::Parse(json);
}

}  // namespace

Result<std::vector<ListedDump>> ListDumps(const std::string& crash_directory) {
  std::string path = crash_directory;
  Result<UniqueFd> directory = OpenFile(path.c_str(), O_RDONLY | O_DIRECTORY);
  for (const char* name : {"kernel", "dumps"}) {
    if (!directory.ok()) break;
    const UniqueFd parent = directory.TakeValue();
    directory = FindPrivateDirectory(parent.get(), name);
    if (directory.ok()) path.append("/").append(name);
  }
  std::vector<ListedDump> listed;
  if (!directory.ok()) {
    const Error& error = directory.error();
    if (error.code() == ErrorCode::kNotFound || error.os_error() == ENOENT) return listed;
    return error.Prefixed("%s", path.c_str());
  }
  const std::vector<std::string> names = TRY(NamesInDirectory(directory.value().get()), "%s", path.c_str());
  for (const std::string& name : names) {
    if (name.front() != '.') listed.push_back({name, ReadInfo(directory.value().get(), name)});
  }
  return listed;
}

}  // namespace crashdump
