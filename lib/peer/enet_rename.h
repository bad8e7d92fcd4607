/*
 * Every function of ENet under a name of ours, for the bundled build.
 *
 * Forced in front of ENet's sources and of our own (-include), so that a program which brings an
 * ENet of its own can still link us: neither sees the other's. Covers 1.3.17 and later, what ENet
 * shares between its own files included; a name that is missing here fails the house check of the
 * bundled libraries' symbols.
 */
#ifndef BL_PEER_ENET_RENAME_H
#define BL_PEER_ENET_RENAME_H

#define enet_address_get_host               bl_enet_address_get_host
#define enet_address_get_host_ip            bl_enet_address_get_host_ip
#define enet_address_set_host               bl_enet_address_set_host
#define enet_address_set_host_ip            bl_enet_address_set_host_ip
#define enet_crc32                          bl_enet_crc32
#define enet_deinitialize                   bl_enet_deinitialize
#define enet_free                           bl_enet_free
#define enet_host_bandwidth_limit           bl_enet_host_bandwidth_limit
#define enet_host_bandwidth_throttle        bl_enet_host_bandwidth_throttle
#define enet_host_broadcast                 bl_enet_host_broadcast
#define enet_host_channel_limit             bl_enet_host_channel_limit
#define enet_host_check_events              bl_enet_host_check_events
#define enet_host_compress                  bl_enet_host_compress
#define enet_host_compress_with_range_coder bl_enet_host_compress_with_range_coder
#define enet_host_connect                   bl_enet_host_connect
#define enet_host_create                    bl_enet_host_create
#define enet_host_destroy                   bl_enet_host_destroy
#define enet_host_flush                     bl_enet_host_flush
#define enet_host_random                    bl_enet_host_random
#define enet_host_random_seed               bl_enet_host_random_seed
#define enet_host_service                   bl_enet_host_service
#define enet_initialize                     bl_enet_initialize
#define enet_initialize_with_callbacks      bl_enet_initialize_with_callbacks
#define enet_linked_version                 bl_enet_linked_version
#define enet_list_clear                     bl_enet_list_clear
#define enet_list_insert                    bl_enet_list_insert
#define enet_list_move                      bl_enet_list_move
#define enet_list_remove                    bl_enet_list_remove
#define enet_list_size                      bl_enet_list_size
#define enet_malloc                         bl_enet_malloc
#define enet_packet_create                  bl_enet_packet_create
#define enet_packet_destroy                 bl_enet_packet_destroy
#define enet_packet_resize                  bl_enet_packet_resize
#define enet_peer_disconnect                bl_enet_peer_disconnect
#define enet_peer_disconnect_later          bl_enet_peer_disconnect_later
#define enet_peer_disconnect_now            bl_enet_peer_disconnect_now
#define enet_peer_dispatch_incoming_reliable_commands                                              \
    bl_enet_peer_dispatch_incoming_reliable_commands
#define enet_peer_dispatch_incoming_unreliable_commands                                            \
    bl_enet_peer_dispatch_incoming_unreliable_commands
#define enet_peer_has_outgoing_commands  bl_enet_peer_has_outgoing_commands
#define enet_peer_on_connect             bl_enet_peer_on_connect
#define enet_peer_on_disconnect          bl_enet_peer_on_disconnect
#define enet_peer_ping                   bl_enet_peer_ping
#define enet_peer_ping_interval          bl_enet_peer_ping_interval
#define enet_peer_queue_acknowledgement  bl_enet_peer_queue_acknowledgement
#define enet_peer_queue_incoming_command bl_enet_peer_queue_incoming_command
#define enet_peer_queue_outgoing_command bl_enet_peer_queue_outgoing_command
#define enet_peer_receive                bl_enet_peer_receive
#define enet_peer_reset                  bl_enet_peer_reset
#define enet_peer_reset_queues           bl_enet_peer_reset_queues
#define enet_peer_send                   bl_enet_peer_send
#define enet_peer_setup_outgoing_command bl_enet_peer_setup_outgoing_command
#define enet_peer_throttle               bl_enet_peer_throttle
#define enet_peer_throttle_configure     bl_enet_peer_throttle_configure
#define enet_peer_timeout                bl_enet_peer_timeout
#define enet_protocol_command_size       bl_enet_protocol_command_size
#define enet_range_coder_compress        bl_enet_range_coder_compress
#define enet_range_coder_create          bl_enet_range_coder_create
#define enet_range_coder_decompress      bl_enet_range_coder_decompress
#define enet_range_coder_destroy         bl_enet_range_coder_destroy
#define enet_socket_accept               bl_enet_socket_accept
#define enet_socket_bind                 bl_enet_socket_bind
#define enet_socket_connect              bl_enet_socket_connect
#define enet_socket_create               bl_enet_socket_create
#define enet_socket_destroy              bl_enet_socket_destroy
#define enet_socket_get_address          bl_enet_socket_get_address
#define enet_socket_get_option           bl_enet_socket_get_option
#define enet_socket_listen               bl_enet_socket_listen
#define enet_socket_receive              bl_enet_socket_receive
#define enet_socket_send                 bl_enet_socket_send
#define enet_socket_set_option           bl_enet_socket_set_option
#define enet_socket_shutdown             bl_enet_socket_shutdown
#define enet_socket_wait                 bl_enet_socket_wait
#define enet_socketset_select            bl_enet_socketset_select
#define enet_time_get                    bl_enet_time_get
#define enet_time_set                    bl_enet_time_set

#endif
