// SPDX-License-Identifier: GPL-2.0-or-later
#include "capture/writer/extract_messages.h"

#include <fcntl.h>
#include <unistd.h>

#include "common/base/io.h"
#include "common/vmcore/kernel_memory.h"
#include "common/vmcore/panic_messages.h"
#include "common/vmcore/vmcore.h"

namespace crashdump {

Result<> ExtractMessages(const char* vmcore_path, const char* output) {
  const Vmcore vmcore = TRY(Vmcore::Open(vmcore_path), "%s", vmcore_path);
  const KernelMemory kernel = TRY(KernelMemory::Open(vmcore), "%s", vmcore_path);
  const PanicMessages messages = TRY(PanicMessages::Open(kernel), "%s", vmcore_path);
  const UniqueFd file = TRY(OpenFile(output, O_WRONLY | O_CREAT | O_EXCL, 0600), "%s", output);
  const Result<PanicMessagesSummary> written = messages.Write(
      {.caller_id = CallerId::kHide}, [&](std::string_view piece) { return WriteFull(file.get(), BytesOf(piece)); });
  if (written.ok()) return {};
  (void)unlink(output);
  return written.error().Prefixed("%s", output);
}

}  // namespace crashdump
