// SPDX-License-Identifier: GPL-2.0-or-later
#include "capture/init/mounts.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace crashdump {

Result<> MountPseudo(const char* type, const char* directory) {
  if (mkdir(directory, 0755) != 0 && errno != EEXIST) return Error::Os(errno, "mkdir %s", directory);
  unsigned long flags = MS_NOSUID | MS_NOEXEC;
  if (strcmp(type, "devtmpfs") != 0) flags |= MS_NODEV;
  if (mount(type, directory, type, flags, nullptr) != 0 && errno != EBUSY) {
    return Error::Os(errno, "mount %s on %s", type, directory);
  }
  return {};
}

void OccupyStandardFds() {
  while (true) {
    // No device node need exist yet for this one. A write to it fails, which nobody minds.
    const int fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0 && fd <= STDERR_FILENO) continue;
    if (fd >= 0) (void)close(fd);
    return;
  }
}

}  // namespace crashdump
