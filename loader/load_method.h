// SPDX-License-Identifier: GPL-2.0-or-later
// How a capture kernel gets into the crash reservation: by kexec_file_load(2) where the kernel has it, else by
// kexec-tools, which does for kexec_load(2) what the kernel does for kexec_file_load.
#pragma once

#include <string>

#include "common/base/result.h"
#include "common/format/armed_record.h"
#include "loader/architecture.h"
#include "loader/machine.h"

namespace crashdump {

// kNotFound if kexec-tools is needed and not installed; kRefused for a program of fewer bits than the kernel. `program`
// is how this program was compiled.
Result<LoadMethod> ChooseLoadMethod(const Machine& machine, const Architecture& architecture,
                                    WordSize program = WordSize{sizeof(void*)});

// For people: "kexec_file_load", "kexec-tools (kexec_load)".
const char* NameOf(LoadMethod method);

// The program of kexec-tools.
Result<std::string> FindKexecTools(const Machine& machine);

// Loads the image with kexec-tools. What was loaded before is unloaded first: whatever becomes of the program, an image
// that is loaded then is this one, and an error means that none is, or that the former one could not be unloaded.
Result<> LoadWithKexecTools(Machine& machine, const CrashImage& image);

}  // namespace crashdump
