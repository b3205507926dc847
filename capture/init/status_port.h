// SPDX-License-Identifier: GPL-2.0-or-later
// StatusPort: a line to the machine's host (a virtio-serial port or a serial device) that gets a copy of what init has
// to say, and from which a `go` may come. capture/README.md has the protocol.
#pragma once

#include <string>

#include "capture/init/line_buffer.h"
#include "capture/init/line_output.h"
#include "common/base/result.h"
#include "common/base/unique_fd.h"

namespace crashdump {

class StatusPort {
 public:
  // Looks for a port called `name` in `class_directory` (/sys/class/virtio-ports), whose directories have the names of
  // the device files, otherwise takes the device file `name` itself. kNotFound or kOs (ENOENT): not there (yet).
  Result<> Open(const char* class_directory, const char* device_directory, const std::string& name);

  bool is_open() const { return fd_.valid(); }
  // To poll for POLLIN.
  int fd() const { return fd_.get(); }

  // Writes a line; what is not printable in it is replaced. Dropped if the port is not open. A host that does not read
  // loses lines (see line_output.h): nothing but a hold waits for it.
  void Line(const char* format, ...) __attribute__((format(printf, 2, 3)));

  // Reads what has come; true if a line `go` was in it. Never waits.
  bool ReadGo();
  // Forgets what has come so far: an old `go` must not end a new hold.
  void DiscardInput();

 private:
  UniqueFd fd_;
  LineBuffer input_;
  LineOutput output_;
};

}  // namespace crashdump
