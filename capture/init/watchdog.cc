// SPDX-License-Identifier: GPL-2.0-or-later
#include "capture/init/watchdog.h"

#include <fcntl.h>
#include <linux/watchdog.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>

#include "common/base/io.h"

namespace crashdump {
namespace {

// glibc and musl differ in the type of ioctl's request; the system call has one.
bool Control(int fd, unsigned long request, int* value) { return syscall(SYS_ioctl, fd, request, value) == 0; }

}  // namespace

Result<> Watchdog::Open(const char* path) {
  fd_ = TRY(OpenFile(path, O_WRONLY), "%s", path);
  int seconds = kTimeoutSeconds;
  (void)Control(fd_.get(), WDIOC_SETTIMEOUT, &seconds);  // some have one fixed timeout
  if (!Control(fd_.get(), WDIOC_GETTIMEOUT, &seconds) || seconds <= 0) seconds = kTimeoutSeconds;
  interval_ms_ = static_cast<uint64_t>(std::min(seconds, kTimeoutSeconds)) * 1000 / 3;
  return {};
}

void Watchdog::Feed(uint64_t now_ms) {
  if (!is_open() || (fed_ms_ != 0 && now_ms - fed_ms_ < interval_ms_)) return;
  // Any byte but 'V', which would announce an orderly close (Documentation/watchdog/watchdog-api.rst).
  (void)!write(fd_.get(), "", 1);
  fed_ms_ = now_ms;
}

void Watchdog::Close() {
  if (!is_open()) return;
  // A child that hangs may have it open as well, and then closing it here does nothing.
  int disable = WDIOS_DISABLECARD;
  (void)Control(fd_.get(), WDIOC_SETOPTIONS, &disable);
  // The one byte that announces an orderly close.
  (void)!write(fd_.get(), "V", 1);
  fd_.Reset();
}

}  // namespace crashdump
