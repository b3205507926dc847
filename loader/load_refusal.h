// SPDX-License-Identifier: GPL-2.0-or-later
// What it means when the kernel does not take a capture kernel.
#pragma once

#include "common/base/result.h"
#include "loader/machine.h"

namespace crashdump {

// `error` of a load: with what to do where the kernel demands a signature (Secure Boot, lockdown), with where to look
// where it does not take the image for what it is, else as it is.
Error ExplainLoadError(const Machine& machine, const Error& error);

}  // namespace crashdump
