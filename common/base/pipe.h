// SPDX-License-Identifier: GPL-2.0-or-later
// Pipe: both ends of a pipe, neither of which a program that is executed inherits.
#pragma once

#include "common/base/result.h"
#include "common/base/unique_fd.h"

namespace crashdump {

struct Pipe {
  UniqueFd reader, writer;

  static Result<Pipe> Open();
};

}  // namespace crashdump
