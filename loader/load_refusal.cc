// SPDX-License-Identifier: GPL-2.0-or-later
#include "loader/load_refusal.h"

#include <cerrno>

namespace crashdump {
namespace {

// "none [integrity] confidentiality"
bool IsLockedDown(const Machine& machine) {
  const Result<std::string> text = machine.ReadText("/sys/kernel/security/lockdown");
  return text.ok() && text.value().find('[') != std::string::npos && text.value().find("[none]") == std::string::npos;
}

}  // namespace

Error ExplainLoadError(const Machine& machine, const Error& error) {
  // kimage_validate_signature() of kernel/kexec_file.c, 6.1: EPERM when the lockdown alone refuses; what the check of
  // the signature has found when signatures are enforced.
  switch (error.os_error()) {
    case EPERM:
      if (!IsLockedDown(machine)) return error;
      break;
    case EKEYREJECTED:
    case ENOKEY:
    case ENODATA:
    case EBADMSG:
      break;
    case EINVAL:
    case ENOEXEC:
      return error.Prefixed("the kernel does not take the image, and its messages (dmesg) may say why");
    default:
      return error;
  }
  return error.Prefixed(
      "the kernel takes only a capture kernel with a signature that it trusts (Secure Boot): the distribution's own "
      "has "
      "one (KERNEL=), another must be signed (sbsign) with a key that is enrolled (mokutil)");
}

}  // namespace crashdump
