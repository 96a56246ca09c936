{
  'target_defaults': {
    'defines': ['NAPI_VERSION=8', 'NODE_ADDON_API_DISABLE_CPP_EXCEPTIONS'],
    'include_dirs': ['<!(node -p "require(\'node-addon-api\').include_dir")'],
    'cflags_cc!': ['-std=gnu++17', '-std=gnu++20', '-fno-rtti'],
    'cflags_cc': ['-std=c++20', '-O2', '-Wall', '-Wextra', '-Wno-unused-parameter', '-fno-exceptions'],
    # Calls inside a static library go straight to it: made for programs, Debian's do not bear to be called by way of a
    # linkage table, whose first call spoils a register (libopus: a crash in the first packet that is parsed).
    'ldflags': ['-static-libstdc++', '-static-libgcc', '-Wl,--exclude-libs,ALL'],
  },
  'targets': [
    {
      # Packets between ports, off the event loop. It is built on epoll.
      'target_name': 'relay',
      'conditions': [
        ['OS=="linux"', {
          'sources': [
            'src/address.cc',
            'src/binding.cc',
            'src/latch.cc',
            'src/leg.cc',
            'src/own_ports.cc',
            'src/relay_thread.cc',
            'src/socket.cc',
            'src/srtp.cc',
          ],
        }, { 'type': 'none' }],
      ],
    },
    {
      # The codec Opus, with what @evan/opus leaves out; that takes over where libopus cannot be linked in.
      'target_name': 'opus',
      'conditions': [
        ['OS=="linux" and "<!(node has-library.js opus/opus.h libopus.a opus/stderr.cc)"=="1"', {
          'sources': ['opus/opus.cc', 'opus/stderr.cc'],
          'libraries': ['-l:libopus.a'],
        }, { 'type': 'none' }],
      ],
    },
  ],
}
