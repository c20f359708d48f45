# Read by nginx's ./configure when it writes its Makefile: how the scripts that
# run in Redis become C (see config, which names them).

soma_lua=`echo $SOMA_LUA`

cat << END >> $NGX_MAKEFILE

$SOMA_LUA_C: $ngx_addon_dir/tools/lua $soma_lua
	mkdir -p $NGX_OBJS/soma
	$ngx_addon_dir/tools/lua $soma_lua >$SOMA_LUA_C.new
	mv -f $SOMA_LUA_C.new $SOMA_LUA_C

END
