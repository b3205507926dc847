// SPDX-License-Identifier: GPL-2.0-or-later
// What is done between the kernel's start and the capture: the product's step table.
#pragma once

#include <span>

#include "capture/init/steps.h"

namespace crashdump {

std::span<const Step> BootSteps();
// What lets a person at the machine type; harmless if it has been done.
std::span<const Step> KeyboardSteps();
// What lets the kernel write to the machine's memory for panic messages.
std::span<const Step> PstoreSteps();

}  // namespace crashdump
