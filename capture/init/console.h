// SPDX-License-Identifier: GPL-2.0-or-later
// Console: plain lines for the person at the machine, on every console that the kernel itself uses, and what is typed
// there.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>

#include "capture/init/key.h"
#include "capture/init/line_output.h"
#include "common/base/result.h"
#include "common/base/unique_fd.h"

namespace crashdump {

class Console {
 public:
  // Until OpenActive() succeeds, lines go to standard error.
  Console() = default;

  // Opens the devices whose names stand in `list_path` (/sys/class/tty/console/active), below `device_directory`.
  // Fails if not one of them can be opened; lines still go to standard error then. Terminals give their keys one by one
  // from here on, without showing them, and no key means anything to the kernel.
  Result<> OpenActive(const char* list_path, const char* device_directory);

  // From here on nothing is written to the kernel's virtual terminals (tty1, not ttyS1), nor do keys come from them:
  // they have a screen.
  void LeaveTerminals();
  // They have none after all.
  void ReturnToTerminals();

  // Writes "crashdump: <text>" as a line; what is not printable in it is replaced. A console that takes nothing (flow
  // control, a dead line) costs half a second once, and then only lines.
  void Line(const char* format, ...) __attribute__((format(printf, 2, 3)));

  static constexpr size_t kMostDevices = 4;
  using KeyFds = std::array<int, kMostDevices>;
  // To poll for POLLIN: one descriptor for every device that keys can come from, and -1.
  KeyFds key_fds() const;
  // The next key that has been typed at any of them.
  std::optional<Key> ReadKey();
  // Opens the device with this path again, if it is one of them: when a session ends its terminal is hung up, for
  // everybody who has it open (drivers/tty/tty_jobctrl.c, disassociate_ctty).
  void Reopen(const std::string& path);

 private:
  struct Device {
    UniqueFd fd;
    LineOutput output;
    std::string path;
    bool is_terminal = false;  // a virtual one
    bool has_keys = false;

    // Does nothing if it cannot be opened.
    void Open();
  };

  std::array<Device, kMostDevices> devices_;
  size_t device_count_ = 0;
  size_t next_key_device_ = 0;  // in turn, so that a line that never stops sending does not shut out the others
  LineOutput standard_error_;
};

}  // namespace crashdump
