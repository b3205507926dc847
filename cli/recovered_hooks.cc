// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli/recovered_hooks.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <optional>
#include <string_view>

#include "common/base/io.h"
#include "loader/run_program.h"
#include "recover/dump_files.h"
#include "recover/dump_list.h"
#include "recover/private_directory.h"

namespace crashdump {
namespace {

// As run-parts(8) has it, so that what editors and packages leave there is passed over.
bool IsHookName(std::string_view name) {
  constexpr std::string_view kAllowed = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_-";
  return name.find_first_not_of(kAllowed) == std::string_view::npos;
}

bool IsOursAlone(const struct stat& status) {
  return status.st_uid == geteuid() && (status.st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

// The paths of those that may be run; a line for each that may not, though it looks as if it was meant to be.
Result<std::vector<std::string>> FindHooks(const std::string& path, std::vector<std::string>& lines) {
  std::vector<std::string> hooks;
  const Result<UniqueFd> directory = OpenFile(path.c_str(), O_RDONLY | O_DIRECTORY);
  if (!directory.ok() && directory.error().os_error() == ENOENT) return hooks;
  if (!directory.ok()) return directory.error().Prefixed("%s", path.c_str());
  struct stat status {};
  if (fstat(directory.value().get(), &status) != 0) return Error::Os(errno, "%s: fstat", path.c_str());
  if (!IsOursAlone(status)) {
    lines.push_back(path + ": others than root can write there: no hook is run");
    return hooks;
  }
  const std::vector<std::string> names = TRY(NamesInDirectory(directory.value().get()), "%s", path.c_str());
  for (const std::string& name : names) {
    if (!IsHookName(name) || fstatat(directory.value().get(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0)
      continue;
    std::string hook = path;
    hook += "/";
    hook += name;
    if (!S_ISREG(status.st_mode)) {
      lines.push_back(hook + ": is no regular file, and not run");
    } else if ((status.st_mode & S_IXUSR) == 0) {
      continue;  // turned off
    } else if (!IsOursAlone(status)) {
      lines.push_back(hook + ": others than root can write to it, and it is not run");
    } else {
      hooks.push_back(hook);
    }
  }
  return hooks;
}

const char* VmcoreText(VmcoreFile vmcore) {
  switch (vmcore) {
    case VmcoreFile::kPresent:
      return "CRASHDUMP_VMCORE=present";
    case VmcoreFile::kPending:
      return "CRASHDUMP_VMCORE=pending";
    case VmcoreFile::kNone:
      break;
  }
  return "CRASHDUMP_VMCORE=none";
}

// What went wrong, or "".
std::string RunHook(const std::string& hook, const ListedDump& dump, const std::string& path,
                    std::chrono::milliseconds limit) {
  const Result<ProgramEnd> end =
      RunProgram({.path = hook,
                  .arguments = {path},
                  .environment = {"CRASHDUMP_ID=" + dump.name, VmcoreText(dump.info.value().vmcore)},
                  .inherited = {},
                  .limit = limit});
  if (!end.ok()) return end.error().text();
  if (end.value().fault.empty()) return "";
  const std::string& output = end.value().output;
  const std::string first_line = output.substr(0, output.find('\n'));
  return hook + ", for " + dump.name + ": " + end.value().fault + (first_line.empty() ? "" : ": " + first_line);
}

}  // namespace

Result<std::vector<std::string>> AnnounceDumps(const std::string& crash_directory, const RecoveredHooks& hooks) {
  std::vector<std::string> lines;
  const Result<UniqueFd> dumps = OpenDumps(crash_directory);
  if (!dumps.ok() && dumps.error().code() == ErrorCode::kNotFound) return lines;
  if (!dumps.ok()) return dumps.error();
  const std::vector<ListedDump> listed = TRY(ListDumps(dumps.value().get()), "%s", crash_directory.c_str());
  std::optional<std::vector<std::string>> found;
  for (const ListedDump& dump : listed) {
    if (!IsDumpName(dump.name) || !dump.info.ok()) continue;
    const Result<UniqueFd> directory = FindPrivateDirectory(dumps.value().get(), dump.name.c_str());
    if (!directory.ok() || !IsUnannounced(directory.value().get())) continue;
    if (!found) found = TRY(FindHooks(hooks.directory, lines));
    const std::string path = crash_directory + "/kernel/dumps/" + dump.name;
    for (const std::string& hook : *found) {
      std::string fault = RunHook(hook, dump, path, hooks.limit);
      if (!fault.empty()) lines.push_back(std::move(fault));
    }
    // Only now: what a reboot interrupts begins anew. A hook may have removed the dump.
    if (unlinkat(directory.value().get(), kUnannouncedName, 0) != 0 && errno != ENOENT) {
      return Error::Os(errno, "%s/%s: unlink", path.c_str(), kUnannouncedName);
    }
    TRY(Fsync(directory.value().get()), "%s", path.c_str());
  }
  return lines;
}

}  // namespace crashdump
