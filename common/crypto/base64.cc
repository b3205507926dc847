// SPDX-License-Identifier: GPL-2.0-or-later
#include "common/crypto/base64.h"

#include <sodium.h>

namespace crashdump {

std::string ToBase64(Bytes bytes) {
  // The length that libsodium states counts the terminating NUL, which a std::string has room for behind its end.
  std::string text(sodium_base64_encoded_len(bytes.size(), sodium_base64_VARIANT_ORIGINAL) - 1, '\0');
  (void)sodium_bin2base64(text.data(), text.size() + 1, bytes.data(), bytes.size(), sodium_base64_VARIANT_ORIGINAL);
  return text;
}

}  // namespace crashdump
