// SPDX-License-Identifier: GPL-2.0-or-later
#include "recover/dump_files.h"

#include <fcntl.h>
#include <sys/stat.h>

namespace crashdump {

bool IsUnannounced(int directory_fd) {
  struct stat status {};
  return fstatat(directory_fd, kUnannouncedName, &status, AT_SYMLINK_NOFOLLOW) == 0;
}

}  // namespace crashdump
