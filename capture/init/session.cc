// SPDX-License-Identifier: GPL-2.0-or-later
#include "capture/init/session.h"

#include <dirent.h>
#include <signal.h>

#include <cstdio>
#include <string>
#include <string_view>

#include "common/base/io.h"
#include "common/base/parse.h"

namespace crashdump {
namespace {

// The session in the text of /proc/PID/stat (proc(5)): the fourth word behind the name, which may hold anything. -1:
// none.
int SessionOf(std::string_view stat) {
  const size_t name_end = stat.rfind(')');
  if (name_end == std::string_view::npos) return -1;
  int session = -1;
  char state = 0;
  const std::string rest(stat.substr(name_end + 1));
  return sscanf(rest.c_str(), " %c %*d %*d %d", &state, &session) == 2 ? session : -1;
}

}  // namespace

void KillSession(pid_t leader, const char* proc) {
  DIR* const directory = opendir(proc);
  if (directory == nullptr) return;
  while (const dirent* entry = readdir(directory)) {
    const Result<uint64_t> number = ParseNumber(entry->d_name);
    if (!number.ok()) continue;
    const std::string path = std::string(proc) + "/" + entry->d_name + "/stat";
    const Result<std::string> stat = ReadTextFile(path.c_str(), 4096);
    if (stat.ok() && SessionOf(stat.value()) == leader) (void)kill(static_cast<pid_t>(number.value()), SIGKILL);
  }
  (void)closedir(directory);
}

}  // namespace crashdump
