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

Result<UniqueFd> OpenDumps(const std::string& crash_directory) {
  std::string path = crash_directory;
  Result<UniqueFd> directory = OpenFile(path.c_str(), O_RDONLY | O_DIRECTORY);
  for (const char* name : {"kernel", "dumps"}) {
    if (!directory.ok()) break;
    const UniqueFd parent = directory.TakeValue();
    directory = FindPrivateDirectory(parent.get(), name);
    if (directory.ok()) path.append("/").append(name);
  }
  if (directory.ok()) return directory;
  if (directory.error().os_error() == ENOENT) {
    return Error::Format(ErrorCode::kNotFound, "%s: there is none", path.c_str());
  }
  return directory.error().Prefixed("%s", path.c_str());
}

Result<std::vector<ListedDump>> ListDumps(const std::string& crash_directory) {
  const Result<UniqueFd> directory = OpenDumps(crash_directory);
  if (directory.ok()) return TRY(ListDumps(directory.value().get()), "%s/kernel/dumps", crash_directory.c_str());
  if (directory.error().code() == ErrorCode::kNotFound) return std::vector<ListedDump>();
  return directory.error();
}

Result<std::vector<ListedDump>> ListDumps(int dumps_fd) {
  std::vector<ListedDump> listed;
  const std::vector<std::string> names = TRY(NamesInDirectory(dumps_fd));
  for (const std::string& name : names) {
    if (name.front() != '.') listed.push_back({name, ReadInfo(dumps_fd, name)});
  }
  return listed;
}

bool IsDumpName(std::string_view name) {
  // As Publisher::DumpName() makes them.
  constexpr size_t kLeastTime = 14;
  constexpr size_t kId = 12;
  if (name.size() < kLeastTime + 1 + kId) return false;
  const std::string_view time = name.substr(0, name.size() - kId - 1);
  const std::string_view id = name.substr(time.size() + 1);
  return name[time.size()] == '-' && time.find_first_not_of("0123456789") == std::string_view::npos &&
         id.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

Result<std::string> FindDump(std::span<const ListedDump> dumps, std::string_view id) {
  const std::string text(id);
  std::vector<std::string> meant;
  std::string latest;
  for (const ListedDump& dump : dumps) {
    if (!IsDumpName(dump.name)) continue;
    if (dump.name == id) return dump.name;
    if (!id.empty() && dump.name.starts_with(id)) meant.push_back(dump.name);
    latest = dump.name;
  }
  if (id == "latest" && !latest.empty()) return latest;
  if (meant.empty()) {
    return Error::Format(ErrorCode::kNotFound, "%s: no recovered dump has this name (see crashdump list)",
                         text.c_str());
  }
  if (meant.size() > 1) {
    return Error::Format(ErrorCode::kInvalidArgument, "%s: is the beginning of %zu dumps' names, such as %s and %s",
                         text.c_str(), meant.size(), meant[0].c_str(), meant[1].c_str());
  }
  return meant[0];
}

}  // namespace crashdump
