# The addon and, beside it, libraries in plain C that prove the ABI without cargo.
{
  'target_defaults': {
    'include_dirs': ['native/include', 'native/src'],
    'cflags': ['-Wall', '-Wextra', '-Werror'],
    'cflags_c': ['-std=c11'],
  },
  'targets': [
    {
      'target_name': 'stephost_native',
      'sources': [
        'native/src/binding.cc',
        'native/src/completion-queue.cc',
        'native/src/crash-journal.cc',
        'native/src/handler-library.cc',
        'native/src/host-services.cc',
        'native/src/msgpack.c',
        'native/src/thread-pool.cc',
      ],
      'dependencies': ["<!(node -p \"require('node-addon-api').targets\"):node_addon_api_except"],
      'defines': ['NAPI_VERSION=8'],
      # Node closes an addon when the last worker thread that loaded it ends; a handler may still run on a thread of ours.
      'conditions': [["OS=='linux'", {'ldflags': ['-Wl,-z,nodelete']}]],
    },
    {
      # The same libraries in a process of their own (runtimes.rust.isolation = "process").
      'target_name': 'stephost_guest',
      'type': 'executable',
      'sources': [
        'native/pinger.c',
        'native/src/guest/call-book.cc',
        'native/src/guest/library-set.cc',
        'native/src/guest/main.cc',
        'native/src/guest/wire.cc',
        'native/src/handler-library.cc',
        'native/src/host-services.cc',
        'native/src/msgpack.c',
        'native/src/thread-pool.cc',
      ],
      'include_dirs': ['native/src/guest'],
      'cflags_cc': ['-fexceptions'],
      'cflags_cc!': ['-fno-exceptions'],
      'libraries': ['-lpthread', '-ldl'],
    },
    {
      'target_name': 'c_handlers',
      'sources': ['native/fixtures/c-handlers.c', 'native/src/msgpack.c'],
    },
    {
      'target_name': 'version_one',
      'sources': ['native/fixtures/one-handler.c', 'native/src/msgpack.c'],
      'defines': ['VERSION="1.0.0"'],
    },
    {
      'target_name': 'version_two',
      'sources': ['native/fixtures/one-handler.c', 'native/src/msgpack.c'],
      'defines': ['VERSION="2.0.0"'],
    },
    {
      'target_name': 'wrong_version',
      'sources': ['native/fixtures/faulty-library.c'],
      'defines': ['TABLE_VERSION=99'],
    },
    {
      'target_name': 'small_table',
      'sources': ['native/fixtures/faulty-library.c'],
      'defines': ['TABLE_SIZE=16'],
    },
    {
      'target_name': 'null_functions',
      'sources': ['native/fixtures/faulty-library.c'],
    },
    {
      'target_name': 'no_symbol',
      'sources': ['native/src/msgpack.c'],
    },
  ],
}
